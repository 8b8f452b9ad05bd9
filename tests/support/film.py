"""A moving picture of a page: screenshots, each shown for its time, and a pointer where somebody clicks."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page

WIDTH = 960  # pixels
QUALITY = 88  # of 100
STEP = 40  # milliseconds of a frame in which the pointer moves
MOVE = 480  # milliseconds from one place to the next
FADING = 5  # steps from one picture to the next
PRESS = 120  # milliseconds that the pointer is seen to press
DRAWN_AT = 4  # times the size, so that the pointer's edges are smooth
ARROW = ((0, 0), (0, 17), (4, 13.4), (6.8, 19.6), (9.4, 18.4), (6.7, 12.4), (12, 12.2))  # of the pointer, in pixels

RING = 13  # pixels of the ring's radius where it presses
REACH = 24  # pixels that are drawn on each side of the pointer

Place = tuple[float, float]


@dataclass
class Film:
    """What was filmed so far.

    Attributes:
        page: that is filmed.
        style: further CSS of the page.
        pointer: where the pointer is, in pixels of the page.
        frames: so far, each with its milliseconds.
    """

    page: Page
    style: str = ""
    pointer: Place = (820.0, 420.0)
    frames: list[tuple[Image.Image, int]] = field(default_factory=list)
    _seen: Image.Image | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.shoot()

    def shoot(self, *, fade: bool = False) -> None:
        """Look at the page anew, and let it come in softly if it is to fade."""
        before = self._seen
        image = Image.open(io.BytesIO(self.page.screenshot(animations="disabled", style=self.style))).convert("RGB")
        height = round(WIDTH * image.height / image.width)
        after = image.resize((WIDTH, height), Image.Resampling.LANCZOS)
        if fade and before is not None:
            for step in range(1, FADING):
                self._seen = Image.blend(before, after, step / FADING)
                self.hold(STEP)
        self._seen = after

    def hold(self, milliseconds: int, *, pressed: bool = False) -> None:
        """Show what was seen last for so long."""
        self.frames.append((self._with_pointer(pressed=pressed), milliseconds))

    def click(self, target: Locator, at: Place = (0.5, 0.5)) -> None:
        """Move the pointer to a target and click it there, at these parts of its width and height."""
        box = target.bounding_box()
        assert box is not None, f"{target} is not to be seen"
        goal = (box["x"] + box["width"] * at[0], box["y"] + box["height"] * at[1])
        start, steps = self.pointer, MOVE // STEP
        for step in range(1, steps + 1):
            part = step / steps
            eased = part * part * (3 - 2 * part)
            self.pointer = (start[0] + (goal[0] - start[0]) * eased, start[1] + (goal[1] - start[1]) * eased)
            self.hold(STEP)
        self.hold(PRESS, pressed=True)
        self.page.mouse.click(*goal)

    def webp(self) -> bytes:
        """Return the film as an animated WebP that plays again and again."""
        buffer = io.BytesIO()
        images, durations = zip(*self.frames, strict=True)
        first, *others = images
        first.save(
            buffer,
            "WEBP",
            save_all=True,
            append_images=others,
            duration=list(durations),
            loop=0,
            quality=QUALITY,
            method=6,
            minimize_size=True,
        )
        return buffer.getvalue()

    def _with_pointer(self, *, pressed: bool) -> Image.Image:
        size = self.page.viewport_size
        assert size is not None
        scale = WIDTH / size["width"]
        x, y = (value * scale for value in self.pointer)
        left, top = (int(value) - REACH for value in (x, y))
        x, y = ((value - corner) * DRAWN_AT for value, corner in ((x, left), (y, top)))
        layer = Image.new("RGBA", (2 * REACH * DRAWN_AT, 2 * REACH * DRAWN_AT))
        draw = ImageDraw.Draw(layer)
        if pressed:
            radius = RING * DRAWN_AT
            circle = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(circle, fill=(213, 94, 0, 70), outline=(213, 94, 0, 230), width=2 * DRAWN_AT)
        arrow = [(x + across * DRAWN_AT, y + down * DRAWN_AT) for across, down in ARROW]
        draw.polygon(arrow, fill=(20, 20, 20, 255), outline=(255, 255, 255, 255), width=DRAWN_AT)
        small = layer.resize((2 * REACH, 2 * REACH), Image.Resampling.LANCZOS)
        assert self._seen is not None
        image = self._seen.copy()
        image.paste(small, (left, top), mask=small)
        return image
