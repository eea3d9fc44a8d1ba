"""What pages and server say to each other: commands up, messages and pictures down."""
