"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // What is folded is open on paper, and folded again after printing.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    opened.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => opened.splice(0).forEach((one) => { one.open = false; }));

  // A link to something folded opens it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  if (location.hash) reveal();

  const value = (cell) => {
    const text = cell.textContent.replaceAll("\u2212", "-").replaceAll(",", "").trim();
    const number = /^[-+]?\d/.test(text) ? parseFloat(text) : NaN;
    return { text, number, absent: text === "\u2013" || text === "" };
  };
  const before = (one, other) => {
    if (one.absent || other.absent) return one.absent - other.absent;
    if (!isNaN(one.number) && !isNaN(other.number)) return one.number - other.number;
    return one.text.localeCompare(other.text, "en", { numeric: true });
  };

  // The headings of columns, in the order of the columns: a group is replaced by the headings below it.
  const heads = (table) => {
    const [first, second] = all("thead tr", table).map((row) => [...row.cells]);
    return first.flatMap((cell) => (cell.colSpan > 1 ? second.splice(0, cell.colSpan) : [cell]));
  };

  // Rows that begin alike are one body; sorted rows stand each by itself.
  const rowsOf = (table) => [...table.tBodies].flatMap((body) => [...body.rows]);

  const sort = (table, column, head) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const rows = rowsOf(table).map((row) => [value(row.cells[column]), row]);
    rows.sort(([one], [other]) => (up || one.absent || other.absent ? 1 : -1) * before(one, other));
    all("[aria-sort]", table).forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const bodies = rows.map(([, row]) => {
      const body = document.createElement("tbody");
      body.append(row);
      return body;
    });
    [...table.tBodies].forEach((body) => body.remove());
    table.append(...bodies);
  };

  const filtered = (table, words, said) => {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    const rows = rowsOf(table);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
      left += !row.hidden;
    }
    said.textContent = wanted.length ? `${left} of ${rows.length} rows` : "";
  };

  all("table.big").forEach((table) => {
    heads(table).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, column, head));
      head.append(button);
    });
    const label = document.createElement("label");
    const field = document.createElement("input");
    const said = document.createElement("span");
    label.className = "filter small";
    field.type = "search";
    said.setAttribute("role", "status");
    field.addEventListener("input", () => filtered(table, field.value, said));
    label.append("Rows with ", field, said);
    table.parentElement.before(label);
  });
})();
