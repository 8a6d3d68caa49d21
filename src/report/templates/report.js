
"use strict";
// Comfort only: everything is in the page without it.
(() => {
  const rows = [...document.querySelectorAll(".list tbody tr")];
  const cards = [...document.querySelectorAll("article.finding")];
  const bodies = [...document.querySelectorAll(".list tbody")];
  const sizes = bodies.map((body) => body.rows.length);
  document.querySelectorAll(".scripted").forEach((part) => (part.hidden = false));

  const needle = document.getElementById("needle");
  const shown = document.getElementById("shown");
  const texts = new Map();
  const textOf = (node) => {
    if (!texts.has(node)) texts.set(node, node.textContent.toLowerCase());
    return texts.get(node);
  };
  const filter = () => {
    const wanted = needle.value.trim().toLowerCase();
    let count = 0;
    for (const node of [...rows, ...cards]) {
      const unmatched = wanted !== "" && !textOf(node).includes(wanted);
      node.classList.toggle("unmatched", unmatched);
      if (!unmatched && node.tagName === "TR") count += 1;
    }
    shown.textContent = wanted === "" ? "" : `${count} of ${rows.length} contain it`;
  };
  let waiting;
  if (needle) needle.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 150); });

  const collator = new Intl.Collator("en", { numeric: true });
  const sortBy = (column, descending) => {
    const key = column === 0 ? (row) => row.dataset.rank : (row) => row.cells[column].textContent;
    const sorted = rows.map((row) => [key(row), row]);
    sorted.sort((a, b) => collator.compare(a[0], b[0]) || a[1].dataset.rank - b[1].dataset.rank);
    if (descending) sorted.reverse();
    let next = 0;
    bodies.forEach((body, at) => {
      body.replaceChildren(...sorted.slice(next, next + sizes[at]).map((pair) => pair[1]));
      next += sizes[at];
    });
  };
  document.querySelectorAll("[data-sortable] thead tr").forEach((head) => {
    [...head.cells].forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = cell.textContent;
      cell.replaceChildren(button);
      button.addEventListener("click", () => {
        const descending = cell.getAttribute("aria-sort") === "ascending";
        document.querySelectorAll("[data-sortable] th").forEach((other) => other.removeAttribute("aria-sort"));
        document.querySelectorAll(`[data-sortable] th:nth-child(${column + 1})`)
          .forEach((other) => other.setAttribute("aria-sort", descending ? "descending" : "ascending"));
        sortBy(column, descending);
      });
    });
  });

  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.addEventListener("click", () => {
      const area = document.getElementById(button.dataset.copy);
      area.select();
      const done = () => (button.textContent = "Copied");
      if (navigator.clipboard) navigator.clipboard.writeText(area.value).then(done, () => document.execCommand("copy"));
      else if (document.execCommand("copy")) done();
    });
  });
})();
