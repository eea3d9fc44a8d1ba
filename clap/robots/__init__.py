"""Robot models and their inverse kinematics, for the simulated table and for real arms alike."""
