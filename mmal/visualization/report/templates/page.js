"use strict";
// Tables sort by the buttons in their headers; without this script they are tables.
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const number = text => (/^[+-]?[\d.]/.test(text) ? parseFloat(text) : text === "-" ? -Infinity : NaN);
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      const rows = [...body.rows];
      const texts = new Map(rows.map(row => [row, row.cells[column].textContent.trim()]));
      const numeric = rows.every(row => !Number.isNaN(number(texts.get(row))));
      const was = header.getAttribute("aria-sort");
      const down = was ? was === "ascending" : numeric && column > 0;
      const compare = numeric
        ? (a, b) => number(texts.get(a)) - number(texts.get(b)) || 0
        : (a, b) => texts.get(a).localeCompare(texts.get(b));
      rows.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
      body.append(...rows);
      for (const other of headers) other.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
  });
}
// What a link points to is not to stay folded.
const unfold = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const details = target && target.querySelector(":scope > details");
  if (details) details.open = true;
};
addEventListener("hashchange", unfold);
unfold();
