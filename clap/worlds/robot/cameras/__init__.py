"""Intel RealSense cameras: devices, recordings and librealsense's software device."""
