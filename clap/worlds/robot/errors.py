"""What can go wrong with a real robot's configuration, cameras and calibration: each a named state."""

from __future__ import annotations

from clap.errors import ClapError


class RobotConfigError(ClapError):
    """The configuration file cannot be read, or says something that makes no sense."""

    name = "robot configuration not usable"
    default_next_move = "Correct the file; clap/worlds/robot/example.yaml explains every key."


class CameraError(ClapError):
    """A camera gives no usable frames. The states below say why; this one stands for what the driver reports."""

    name = "camera lost"
    default_next_move = "Look at the camera's cable and at the driver's message; the camera is tried again by itself."


class CameraNotPluggedInError(CameraError):
    """No device with this serial number is connected."""

    name = "camera not plugged in"
    default_next_move = "Plug it into a USB 3 port; it is tried again by itself."


class CameraBusyError(CameraError):
    """Another program, or another camera of the configuration, holds the device."""

    name = "camera busy"
    default_next_move = "Close the other program that uses the camera, such as realsense-viewer; it is tried again."


class CameraNotAllowedError(CameraError):
    """The operating system does not let this user open the device."""

    name = "camera not allowed"
    default_next_move = "Install librealsense's udev rules (99-realsense-libusb.rules), then plug the camera in again."


class CameraModeError(CameraError):
    """The device has no stream of the size and rate that were asked for."""

    name = "camera mode not offered"
    default_next_move = "Correct width, height and fps; over a USB 2 cable a camera offers fewer modes."


class FramesFrozenError(CameraError):
    """The camera is there, but its frames have stopped, or the same one comes again and again."""

    name = "frames frozen"
    default_next_move = "Wait for the restart of the stream; if it stays so, unplug the camera and plug it in again."


class DepthEmptyError(CameraError):
    """Frames come, but no pixel has a depth."""

    name = "depth all zero"
    default_next_move = "Uncover the lenses, and keep 30 cm of distance; in the dark the emitter must be on."


class PlaybackOverError(CameraError):
    """The recording was played to its end."""

    name = "playback over"
    default_next_move = "Start again to play it once more, or set repeat: true."


class CalibrationError(ClapError):
    """A calibration cannot be made from these samples, or there is none that can be used."""

    name = "calibration not usable"
    default_next_move = (
        "Calibrate the camera, on the page's Calibration panel or by python -m clap.worlds.robot sample and calibrate."
    )
