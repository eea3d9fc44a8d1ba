"""The ChArUco board: printed to scale, and found in images.

Corners are counted as OpenCV does, row by row. The board's frame has its origin at the outer corner of its first
square, x along the columns, y along the rows, z into the board.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from clap.worlds.robot.config import BoardConfig

Array = NDArray[np.floating]

PIXELS_PER_MM = 12
"""About 305 dpi."""

PAGES_MM = ((210, 297), (297, 420), (420, 594), (594, 841))
"""A4 to A1."""

MARGIN_MM = 8
CAPTION_MM = 12


@dataclass(frozen=True)
class BoardView:
    """Corners of the board seen in one image: ``ids`` (N,) and ``pixels`` (N, 2) in the project's convention."""

    ids: NDArray[np.integer]
    pixels: Array


class Board:
    """One board, as configured."""

    def __init__(self, config: BoardConfig):
        self.config = config
        self._dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{config.dictionary}"))
        size = (config.columns, config.rows)
        self._board = cv2.aruco.CharucoBoard(size, config.square_mm / 1000, config.marker_mm / 1000, self._dictionary)
        self._detector = cv2.aruco.CharucoDetector(self._board)

    @property
    def corners(self) -> Array:
        """(N, 3) metres: all inner corners in the board's frame, by id."""
        return np.asarray(self._board.getChessboardCorners(), float)

    def find(self, image: NDArray[np.uint8]) -> BoardView | None:
        """The corners seen in an image (H, W) grey or (H, W, 3) rgb; None if there are none."""
        grey = image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        pixels, ids, _, _ = self._detector.detectBoard(grey)
        if ids is None or len(ids) == 0:
            return None
        # OpenCV counts from the centre of the first pixel, the project from its corner.
        return BoardView(np.asarray(ids, np.int64).ravel(), np.asarray(pixels, float).reshape(-1, 2) + 0.5)

    def markers_in(self, image: NDArray[np.uint8]) -> int:
        """How many markers of the board's dictionary an image shows, whatever board they are on."""
        return len(cv2.aruco.ArucoDetector(self._dictionary).detectMarkers(image)[0])

    def image(self, pixels_per_square: int) -> NDArray[np.uint8]:
        """The board alone, (rows * pixels_per_square, columns * pixels_per_square) grey."""
        size = (self.config.columns * pixels_per_square, self.config.rows * pixels_per_square)
        return np.asarray(self._board.generateImage(size, marginSize=0, borderBits=1), np.uint8)

    def save_printable(self, path: Path) -> tuple[int, int]:
        """Write a page with the board and a ruler, as ``.pdf`` or ``.png``; returns the page's size in mm.

        The resolution is chosen so that a square is a whole number of pixels: printed at 100 % it has its true size.
        Raises ValueError for another ending or a board larger than A1, FileExistsError if the file is there.
        """
        if path.suffix.lower() not in (".pdf", ".png"):
            raise ValueError(f"{path.name}: a board is written as .pdf or .png")
        config = self.config
        board_mm = config.columns * config.square_mm, config.rows * config.square_mm
        page_mm = next((page for page in PAGES_MM if _fits(board_mm, page)), None)
        if page_mm is None:
            raise ValueError(f"a board of {board_mm[0]:g} x {board_mm[1]:g} mm fits no page up to A1")
        square = round(config.square_mm * PIXELS_PER_MM)
        per_mm = square / config.square_mm
        page = Image.new("L", (round(page_mm[0] * per_mm), round(page_mm[1] * per_mm)), 255)
        board = Image.fromarray(self.image(square))
        left = (page.width - board.width) // 2
        page.paste(board, (left, round(MARGIN_MM * per_mm)))
        self._caption(page, left, round((2 * MARGIN_MM + board_mm[1]) * per_mm), per_mm)
        with path.open("xb") as file:
            resolution = 25.4 * per_mm
            if path.suffix.lower() == ".pdf":
                page.save(file, "PDF", resolution=resolution)
            else:
                page.save(file, "PNG", dpi=(resolution, resolution))
        return page_mm

    def _caption(self, page: Image.Image, left: int, top: int, per_mm: float) -> None:
        config = self.config
        draw = ImageDraw.Draw(page)
        draw.line((left, top, left + round(100 * per_mm), top), 0, round(0.4 * per_mm))
        for millimetre in range(0, 101, 10):
            x = left + round(millimetre * per_mm)
            draw.line((x, top, x, top + round(2 * per_mm)), 0, round(0.2 * per_mm))
        text = (
            f"ChArUco {config.columns} x {config.rows}, squares {config.square_mm:g} mm, markers "
            f"{config.marker_mm:g} mm, {config.dictionary}. Print at 100 %: this line is 100 mm long."
        )
        draw.text((left, top + round(3 * per_mm)), text, 0, ImageFont.load_default(3 * per_mm))


def _fits(board: tuple[float, float], page: tuple[int, int]) -> bool:
    return board[0] + 2 * MARGIN_MM <= page[0] and board[1] + 3 * MARGIN_MM + CAPTION_MM <= page[1]
