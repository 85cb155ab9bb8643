/* A table that is sorted, filtered, paged and turned; it is printed whole.

   Its content is that of `Table` in Python: headers, kinds ("name", "number", "text"), columns of texts, marks, and, where
   charts are linked with it, the case of each row. Rows with the mark "bound" stay on top. */
"use strict";

opml.PAGE_ROWS = 50;
opml.MOST_PRINTED_COLUMNS = 8; // beside the names of the rows; paper does not scroll sideways
opml.LONG_NAME = 60; // characters, from which on a name is broken into lines

/* Return the text of cell after cell of a column, which is stored as texts or as places in a list of texts. */
opml.column = function (stored) {
  return stored.of ? stored.at.map((place) => stored.of[place]) : stored;
};

opml.Table = class {
  constructor(place, content, selection) {
    this.place = place;
    this.title = content.title;
    this.headers = content.headers;
    this.kinds = content.kinds;
    this.columns = content.columns.map(opml.column);
    this.marks = opml.column(content.marks);
    this.cases = content.cases ? opml.column(content.cases) : null;
    this.selection = this.cases && selection ? selection : null;
    this.size = this.marks.length;
    this.bounds = [];
    this.rows = [];
    for (let row = 0; row < this.size; row++) (this.marks[row] === "bound" ? this.bounds : this.rows).push(row);
    this.order = this.rows;
    this.sorted = { column: -1, down: false };
    this.words = "";
    this.page = 0;
    this.isTurned = false;
    this.differsOnly = false;
    this.selectedOnly = false;
    this.caption = place.querySelector("caption")?.textContent || this.title;
    this.build();
    if (this.selection) this.selection.listen((source) => source !== this && this.update());
    // a table in whose place another one stands is not printed
    window.addEventListener("beforeprint", () => this.view.isConnected && this.draw(true));
    window.addEventListener("afterprint", () => this.view.isConnected && this.draw(false));
    this.update();
  }

  build() {
    const id = `${this.place.id}-filter`;
    this.filterInput = opml.element("input", { id, type: "search", autocomplete: "off", spellcheck: "false" });
    this.filterInput.placeholder = "words; -word leaves out";
    let waiting = 0;
    this.filterInput.addEventListener("input", () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => this.filter(this.filterInput.value));
    });
    this.count = opml.element("span", { class: "count", role: "status" });
    this.differs = this.button("Only what differs", () => {
      this.differsOnly = !this.differsOnly;
      this.draw(false);
    });
    this.turn = this.button("Turn", () => {
      this.isTurned = !this.isTurned;
      this.draw(false);
    });
    this.turn.title = "Show a column for each row";
    this.only = this.button("Selected only", () => {
      this.selectedOnly = !this.selectedOnly;
      this.page = 0;
      this.update();
    });
    this.clear = this.button("Clear selection", () => this.selection.select([], null));
    this.clear.removeAttribute("aria-pressed");
    const tools = [opml.element("label", { for: id }, "Filter "), this.filterInput, this.differs, this.turn];
    if (this.selection) tools.push(this.only, this.clear);
    this.tools = opml.element("div", { class: "tools" }, ...tools, this.count);
    this.tools.hidden = this.size < 3;
    this.view = opml.element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": this.caption });
    this.pager = opml.element("nav", { class: "pager", "aria-label": `Pages of ${this.title}` });
    this.place.replaceChildren(this.tools, this.view, this.pager);
  }

  button(text, act) {
    const button = opml.element("button", { type: "button", "aria-pressed": "false" }, text);
    button.addEventListener("click", act);
    return button;
  }

  /* --- which rows there are, and in which order */

  filter(words) {
    this.words = words;
    this.page = 0;
    this.update(true);
  }

  sort(column) {
    const same = this.sorted.column === column;
    if (same && this.sorted.down) this.sorted = { column: -1, down: false };
    else this.sorted = { column, down: same };
    this.order = this.sorted.column < 0 ? this.rows : this.inOrder(this.sorted.column, this.sorted.down);
    this.page = 0;
    this.update();
  }

  inOrder(column, down) {
    const texts = this.columns[column];
    const isNumber = this.kinds[column] === "number";
    const keys = isNumber ? texts.map(opml.numberOf) : texts;
    const sign = down ? -1 : 1;
    const compare = isNumber ? (a, b) => a - b : opml.compareTexts;
    // what has no number comes last, in either direction
    const lacks = (row) => (isNumber ? Number.isNaN(keys[row]) : keys[row] === "");
    return [...this.rows].sort((a, b) => lacks(a) - lacks(b) || (lacks(a) ? 0 : sign * compare(keys[a], keys[b])) || a - b);
  }

  update(isFiltered) {
    const words = this.words.toLowerCase().split(/\s+/).filter(Boolean);
    let rows = this.order;
    if (words.length) {
      this.texts = this.texts || this.marks.map((_, row) => this.columns.map((c) => c[row]).join("\n").toLowerCase());
      const passes = (text, word) => (word.length > 1 && word[0] === "-" ? !text.includes(word.slice(1)) : text.includes(word));
      rows = rows.filter((row) => words.every((word) => passes(this.texts[row], word)));
    }
    if (this.selection) {
      if (isFiltered) this.selection.filter(words.length ? new Set(rows.map((row) => this.cases[row])) : null, this);
      const selected = this.selection.selected;
      if (!selected.size) this.selectedOnly = false; // or the next tick would hide all other rows
      // what is selected in a chart is what the table shows; what is ticked in the table stays among the others
      const isNarrowed = selected.size && (this.selectedOnly || this.selection.origin === "chart");
      if (isNarrowed) rows = rows.filter((row) => selected.has(this.cases[row]));
      this.clear.hidden = !selected.size;
      this.only.hidden = !selected.size || this.selection.origin === "chart";
      this.clear.textContent = `Clear selection (${selected.size.toLocaleString("en")})`;
    }
    this.visible = rows;
    this.page = Math.min(this.page, Math.max(0, Math.ceil(rows.length / opml.PAGE_ROWS) - 1));
    this.draw(false);
  }

  /* --- drawing */

  draw(isPrinted) {
    const from = isPrinted ? 0 : this.page * opml.PAGE_ROWS;
    const to = isPrinted ? this.visible.length : from + opml.PAGE_ROWS;
    const rows = [...this.bounds, ...this.visible.slice(from, to)];
    const shown = this.headers.map((_, column) => column).filter((column) => !this.differsOnly || this.differsIn(column));
    const focused = this.view.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    const table = opml.element("table", {}, opml.element("caption", {}, this.caption));
    const fitsTurned = !isPrinted || rows.length <= opml.MOST_PRINTED_COLUMNS;
    if (this.isTurned && fitsTurned) this.drawTurned(table, rows, shown, isPrinted);
    else this.drawRows(table, rows, shown, isPrinted);
    this.view.replaceChildren(...(isPrinted ? this.printed(table) : [table]));
    if (focused) this.view.querySelector(`[data-focus="${focused}"]`)?.focus();
    this.differs.setAttribute("aria-pressed", this.differsOnly);
    this.turn.setAttribute("aria-pressed", this.isTurned);
    this.only.setAttribute("aria-pressed", this.selectedOnly);
    const [part, all] = [this.visible.length, this.rows.length].map((count) => count.toLocaleString("en"));
    this.count.textContent = part === all ? `${all} rows` : `${part} of ${all} rows`;
    this.drawPager(isPrinted);
  }

  /* Whether the rows that pass are unlike in a column; the names of cases always count. */
  differsIn(column) {
    const texts = this.columns[column];
    return this.headers[column] === "case" || this.visible.some((row) => texts[row] !== texts[this.visible[0]]);
  }

  drawRows(table, rows, shown, isPrinted) {
    const head = opml.element("tr");
    if (this.selection && !isPrinted) head.append(opml.element("td", { class: "tick" }));
    for (const column of shown) head.append(this.header(column, "col"));
    const body = opml.element("tbody");
    for (const row of rows) {
      const line = opml.element("tr", { class: this.classOf(row) });
      if (this.selection && !isPrinted) line.append(opml.element("td", { class: "tick" }, ...this.tick(row)));
      for (const column of shown) line.append(this.cell(row, column));
      body.append(line);
    }
    table.append(opml.element("thead", {}, head), body);
  }

  /* A table of cases that are columns, in parts that are no wider than paper; each has the first column. */
  printed(table) {
    const width = table.querySelector("tr").children.length;
    if (this.selection || width <= opml.MOST_PRINTED_COLUMNS + 1) return [table];
    const parts = [];
    for (let from = 1; from < width; from += opml.MOST_PRINTED_COLUMNS) {
      const part = table.cloneNode(true);
      for (const line of part.querySelectorAll("tr")) {
        [...line.children].forEach((cell, place) => {
          if (place && (place < from || place >= from + opml.MOST_PRINTED_COLUMNS)) cell.remove();
        });
      }
      parts.push(part);
    }
    return parts;
  }

  drawTurned(table, rows, shown, isPrinted) {
    const name = Math.max(0, this.headers.indexOf("case"));
    const head = opml.element("tr", {}, this.header(name, "col"));
    for (const row of rows) {
      const box = opml.element("th", { scope: "col", class: `number ${this.classOf(row)}` }, this.columns[name][row]);
      if (this.selection && !isPrinted) box.prepend(...this.tick(row));
      head.append(box);
    }
    const body = opml.element("tbody");
    for (const column of shown.filter((one) => one !== name)) {
      const line = opml.element("tr", {}, this.header(column, "row"));
      for (const row of rows) {
        line.append(opml.element("td", { class: `${this.kinds[column]} ${this.classOf(row)}` }, this.columns[column][row]));
      }
      body.append(line);
    }
    table.append(opml.element("thead", {}, head), body);
  }

  header(column, scope) {
    const isSorted = this.sorted.column === column;
    const direction = isSorted ? (this.sorted.down ? "descending" : "ascending") : null;
    const text = this.headers[column];
    const button = opml.element("button", { type: "button", "data-focus": `sort-${column}` }, text);
    if (!text) button.setAttribute("aria-label", "last column");
    button.title = "Sort: up, down, as it was";
    button.addEventListener("click", () => this.sort(column));
    return opml.element("th", { scope, class: this.kinds[column], "aria-sort": direction }, button);
  }

  cell(row, column) {
    const text = this.columns[column][row];
    const name = text.length > opml.LONG_NAME ? "name long" : "name";
    if (this.headers[column] === "case") return opml.element("th", { scope: "row", class: name }, text);
    if (this.kinds[column] !== "name") return opml.element("td", { class: this.kinds[column] }, text);
    return opml.element("td", { class: name }, opml.element("code", {}, text));
  }

  tick(row) {
    if (this.marks[row] === "bound") return [];
    const name = this.cases[row];
    const box = opml.element("input", { type: "checkbox", "data-focus": `tick-${row}` });
    box.setAttribute("aria-label", `Select ${this.columns[Math.max(0, this.headers.indexOf("case"))][row]}`);
    box.checked = this.selection.selected.has(name);
    box.addEventListener("change", () => {
      this.selection.toggle(name, this);
      this.update();
    });
    return [box];
  }

  classOf(row) {
    const isSelected = this.selection && this.selection.selected.has(this.cases[row]);
    return `${this.marks[row]}${isSelected ? " selected" : ""}`.trim();
  }

  drawPager(isPrinted) {
    const pages = Math.ceil(this.visible.length / opml.PAGE_ROWS);
    this.pager.hidden = pages < 2 || isPrinted;
    if (this.pager.hidden) return;
    const focused = this.pager.contains(document.activeElement) ? document.activeElement.textContent : "";
    const step = (text, page) => {
      const button = opml.element("button", { type: "button" }, text);
      button.disabled = page < 0 || page >= pages || page === this.page;
      button.addEventListener("click", () => {
        this.page = page;
        this.draw(false);
      });
      return button;
    };
    const where = opml.element("span", {}, `page ${this.page + 1} of ${pages}`);
    this.pager.replaceChildren(
      step("First", 0), step("Previous", this.page - 1), where, step("Next", this.page + 1), step("Last", pages - 1),
    );
    const again = [...this.pager.querySelectorAll("button")].find((button) => button.textContent === focused);
    (again && !again.disabled ? again : null)?.focus();
  }
};

/* Return the first number of a text such as "0.9366 ±.012" or "*1,234"; NaN where it has none. */
opml.numberOf = function (text) {
  const match = /[-+]?(\d[\d,]*(\.\d+)?|\.\d+)(e[-+]?\d+)?/i.exec(text);
  return match ? Number(match[0].replaceAll(",", "")) : NaN;
};

opml.compareTexts = new Intl.Collator("en", { numeric: true }).compare;
