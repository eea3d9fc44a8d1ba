"""What pages and console say to each other: commands up, messages and pictures down.

The models are light: the server imports them without the robot's code. ``static/protocol.d.ts`` is generated from them.
"""

from ui.protocol import commands, messages
from ui.protocol.reading import BadCommandError, check, forms, read
from ui.protocol.shared import Message

__all__ = ["BadCommandError", "Message", "check", "commands", "forms", "messages", "read"]
