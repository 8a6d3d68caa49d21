
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

  // A PDF with tags describes every element, printed or not, for minutes where there are thousands: what is not printed leaves the page meanwhile.
  let away = [];
  addEventListener("beforeprint", () => {
    document.querySelectorAll(".late").forEach((node) => {
      const place = document.createComment("");
      node.replaceWith(place);
      away.push([place, node]);
    });
  });
  addEventListener("afterprint", () => {
    away.forEach(([place, node]) => place.replaceWith(node));
    away = [];
  });

  // Pages from file:// may have no clipboard: then what is selected is copied.
  const copy = (button, text, select) => {
    const done = () => (button.textContent = "Copied");
    const old = () => { select(); if (document.execCommand("copy")) done(); };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, old);
    else old();
  };
  document.querySelectorAll("[data-copy]").forEach((button) => {
    const area = document.getElementById(button.dataset.copy);
    button.addEventListener("click", () => copy(button, area.value, () => area.select()));
  });

  const line = (node) => node.textContent.replace(/\s+/g, " ").trim();
  const ticket = (card) => [
    ...card.querySelectorAll(":scope > header > .sev, :scope > header > h3, :scope > .plain > li"),
  ].map(line).concat(
    line(card.querySelector("header time")),
    [...card.querySelectorAll(":scope > .facts > div")].map((fact) => `${line(fact.children[0])}: ${line(fact.children[1])}`),
    [...card.querySelectorAll(".events tbody tr")].map((row) => [...row.cells].map(line).join("  ")),
    card.id,
  ).join("\n");
  // Buttons only where someone looks: on thousands of cards they would take longer than all else here.
  const buttoned = (card) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${card.id} as text`);
    card.querySelector("header .meta").append(" ", button);
    const select = () => getSelection().selectAllChildren(card);
    button.addEventListener("click", () => copy(button, ticket(card), select));
  };
  const looked = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    looked.unobserve(entry.target);
    entry.target.querySelectorAll("article.finding").forEach(buttoned);
  }), { rootMargin: "600px" });
  document.querySelectorAll(".chunk.cards").forEach((chunk) => looked.observe(chunk));
})();
