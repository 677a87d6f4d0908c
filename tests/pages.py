"""Reading pages, and opening them in a browser."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

#: Elements that have no end.
_VOID = {"meta", "link", "img", "input", "br"}
_CHROMIUM = next(
    filter(
        None,
        [
            os.environ.get("MMAL_CHROMIUM"),
            *map(shutil.which, ("chromium", "chromium-browser", "google-chrome")),
        ],
    ),
    None,
)
needs_chromium = pytest.mark.skipif(
    _CHROMIUM is None, reason="no Chromium: none on the PATH, and MMAL_CHROMIUM is not set"
)


class Page(HTMLParser):
    """A page as lists of its elements; one that is not closed in order is refused.

    Attributes:
        elements: Name, attributes and text of each element, in order.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[int] = []
        self.feed(text)
        assert not self._open, [self.elements[i][0] for i in self._open]

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in _VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        for index in self._open:
            self.elements[index][2].append(data)

    def all(self, tag: str, **attributes: str) -> list[tuple[dict[str, str], str]]:
        """Return attributes and text of the elements of a name, with some attributes."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [
            (attrs, re.sub(r"\s+", " ", "".join(text)).strip())
            for name, attrs, text in self.elements
            if name == tag and all(attrs.get(k) == v for k, v in wanted.items())
        ]

    def texts(self, tag: str, **attributes: str) -> list[str]:
        """Return the texts of the elements of a name, with some attributes."""
        return [text for _, text in self.all(tag, **attributes)]


#: Does what a reader does; its result is the title of the page.
_CHECK = """
<script>
addEventListener("load", () => {
  const found = [];
  for (const details of document.querySelectorAll("details")) details.open = true;
  for (const image of document.images) {
    if (!image.naturalWidth) found.push("picture does not load: " + image.alt);
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    const headers = [...table.tHead.rows[0].cells];
    const buttons = headers.map(header => header.querySelector("button"));
    if (buttons.some(button => !button)) found.push("header without a button");
    const column = headers.length > 1 ? 1 : 0;
    const body = table.tBodies[0];
    const read = () => [...body.rows].map(row => parseFloat(row.cells[column].textContent));
    buttons[column].focus();
    if (document.activeElement !== buttons[column]) found.push("button takes no focus");
    for (const order of ["descending", "ascending"]) {
      buttons[column].click();
      if (headers[column].getAttribute("aria-sort") !== order) found.push("not " + order);
      const values = read().map(value => (order === "ascending" ? value : -value));
      if (values.some((v, i) => i && v < values[i - 1])) found.push("out of order: " + values);
    }
  }
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) found.push("wider than the window by " + wide);
  const tables = document.querySelectorAll("table").length;
  const count = document.images.length + " pictures, " + tables + " tables";
  document.title = "CHECKED " + (found.join("; ") || "fine") + " | " + count;
});
</script>
"""


def check_in_chromium(page: Path, width: int = 1200) -> str:
    """Open a page without a network; return what a reader meets, ``fine | …`` if nothing is wrong.

    Args:
        page: The page.
        width: Of the window.

    Raises:
        AssertionError: If the browser's console has an error or a warning.
    """
    text = page.read_text(encoding="utf-8")
    # The page is loaded when all pictures are, those that are far below, too.
    text = text.replace(' loading="lazy"', "")
    # The policy of the page lets no script run but its own.
    text = re.sub(r"script-src 'sha256-([^']*)'", "script-src 'unsafe-inline'", text)
    checked = page.with_name(f"checked_{width}_{page.name}")
    checked.write_text(text.replace("</body>", f"{_CHECK}</body>"), encoding="utf-8")
    title = re.search("<title>(.*?)</title>", _dump(checked, width))[1]
    assert title.startswith("CHECKED "), title
    return title.removeprefix("CHECKED ")


def console_of(page: Path) -> str:
    """Open a page as it is; return what the browser's console says."""
    profile = page.with_name("profile")
    ran = _run(page, profile, 1200)
    return "\n".join(line for line in ran.stderr.splitlines() if "CONSOLE" in line)


def _dump(page: Path, width: int) -> str:
    ran = _run(page, page.with_name("profile"), width)
    console = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    assert not console, console
    return ran.stdout


def _run(page: Path, profile: Path, width: int) -> subprocess.CompletedProcess:
    options = "headless no-sandbox disable-gpu disable-quic no-first-run disable-sync"
    options += " disable-background-networking disable-component-update hide-scrollbars dump-dom"
    return subprocess.run(
        [
            _CHROMIUM,
            *(f"--{option}" for option in options.split()),
            f"--user-data-dir={profile}",
            "--enable-logging=stderr",
            f"--window-size={width},900",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
