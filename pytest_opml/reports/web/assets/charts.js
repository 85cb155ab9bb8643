/* The charts of a page: Vega-Lite specifications, drawn in the theme of the page and linked with the tables. */
"use strict";

opml.MOST_SVG_ROWS = 800; // more marks are quicker on a canvas
opml.NARROW = 620; // pixels of a chart, below which it has no room for a legend beside it

opml.Chart = class {
  constructor(place, chart, themes, selection) {
    this.place = place;
    this.chart = chart;
    this.themes = themes;
    this.datasets = Object.fromEntries(Object.entries(chart.datasets).map(([name, rows]) => [name, opml.rows(rows)]));
    const rows = Object.values(this.datasets).flat();
    this.isLinked = Boolean(selection) && rows.some((row) => "shown" in row);
    this.isClickable = Boolean(selection) && new Set(rows.map((row) => row.case)).size > 1;
    this.selection = selection;
    this.renderer = rows.length > opml.MOST_SVG_ROWS ? "canvas" : "svg";
    this.isLogarithmic = false;
    this.isClosed = false;
    opml.theme.listen(() => this.embed());
    window.addEventListener("resize", () => this.isNarrow() !== this.wasNarrow && this.embed());
    if (this.isLinked) selection.listen((source) => this.follow(source));
    this.addScaleSwitch();
  }

  addScaleSwitch() {
    if (!opml.timeScales(this.chart.spec).length) return;
    const box = opml.element("input", { type: "checkbox" });
    box.addEventListener("change", () => {
      this.isLogarithmic = box.checked;
      this.embed();
    });
    this.place.before(opml.element("label", { class: "switch" }, box, " logarithmic time axis"));
  }

  spec() {
    const spec = structuredClone(this.chart.spec);
    if (this.isLogarithmic) opml.timeScales(spec).forEach((scale) => Object.assign(scale, { type: "log", zero: false }));
    if (spec.width === "container") spec.autosize = { type: "fit-x", contains: "padding" };
    return { ...spec, description: this.chart.summary, datasets: this.rows() };
  }

  /* The rows, each of a case with whether it is among those that are shown in full. */
  rows() {
    if (!this.isLinked) return this.datasets;
    const shown = (row) => ("shown" in row ? { ...row, shown: this.selection.shows(row.case) } : row);
    return Object.fromEntries(Object.entries(this.datasets).map(([name, rows]) => [name, rows.map(shown)]));
  }

  isNarrow() {
    return this.place.clientWidth < opml.NARROW;
  }

  config(theme) {
    const config = this.themes[theme];
    this.wasNarrow = this.isNarrow();
    if (!this.wasNarrow) return config;
    return { ...config, legend: { ...config.legend, orient: "bottom", direction: "vertical", columns: 1, labelLimit: 150 } };
  }

  /* Draw the chart, or say that it cannot be drawn: the others are drawn all the same. */
  async embed() {
    if (this.isClosed) return;
    try {
      await this.draw();
    } catch (error) {
      console.error(error);
      const why = "This chart cannot be drawn in this browser. The tables have its figures.";
      this.place.replaceChildren(opml.element("p", { class: "quiet", role: "status" }, why));
    }
  }

  /* Draw it no more: another one takes its place. */
  close() {
    this.isClosed = true;
    this.finalize?.();
  }

  async draw() {
    const theme = opml.theme.current();
    const options = {
      mode: "vega-lite",
      ast: true, // no text becomes code, so that the page may forbid it
      renderer: this.renderer,
      logLevel: 1, // errors; what Vega-Lite only remarks is looked at by the tests of the charts
      config: this.config(theme),
      tooltip: { theme },
      actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
      downloadFileName: this.chart.name,
    };
    const turn = (this.turn = (this.turn || 0) + 1);
    const result = await vegaEmbed(this.place, this.spec(), options);
    if (turn !== this.turn || this.isClosed) return result.finalize(); // the theme changed meanwhile
    this.finalize?.();
    this.finalize = result.finalize;
    this.view = result.view;
    this.describe();
    this.place.querySelector("summary")?.setAttribute("aria-label", `Save the chart: ${this.chart.title}`);
    if (this.isLinked) this.watchBrush();
    if (this.isClickable) {
      this.view.addEventListener("click", (_, item) => this.selectCase(item));
    }
    // a map of many classes is wider than a column
    if (this.place.scrollWidth > this.place.clientWidth) this.place.closest("figure")?.classList.add("wide");
    this.place.dataset.drawn = theme;
  }

  /* A chart is one picture with one description: the table beside it has its figures. */
  describe() {
    const picture = this.place.querySelector("svg.marks, canvas.marks");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", `${this.chart.title}. ${this.chart.summary}`);
    picture.removeAttribute("aria-roledescription");
    for (const part of picture.children) part.setAttribute("aria-hidden", "true");
  }

  async selectCase(item) {
    const name = opml.MARKS_OF_ONE_CASE.includes(item?.mark?.marktype) ? item.datum?.case : undefined;
    // a click ends the range before it, which a tap is too quick for
    await this.view.runAsync();
    this.selectRange?.();
    if (name !== undefined) this.selection.toggle(name, "chart");
  }

  watchBrush() {
    if (!opml.hasBrush(this.chart.spec)) return;
    let waiting = 0;
    this.hasRange = false;
    this.selectRange = null;
    this.view.addSignalListener("brush", (_, ranges) => {
      cancelAnimationFrame(waiting);
      this.selectRange = () => {
        cancelAnimationFrame(waiting);
        this.selectRange = null;
        this.selectWithin(ranges);
      };
      waiting = requestAnimationFrame(() => this.selectRange?.());
    });
  }

  selectWithin(ranges) {
    const fields = Object.entries(ranges || {});
    if (!fields.length && !this.hasRange) return; // a click beside the bubbles, or on one
    this.hasRange = fields.length > 0;
    const isWithin = (row) => fields.every(([name, [low, high]]) => row[name] >= low && row[name] <= high);
    const rows = Object.values(this.datasets).flat().filter((row) => "shown" in row);
    this.selection.select(fields.length ? rows.filter(isWithin).map((row) => row.case) : [], "chart");
  }

  follow(source) {
    if (!this.view) return;
    // a table answers first; a chart of thousands of points may take its time after that
    cancelAnimationFrame(this.waiting);
    this.waiting = requestAnimationFrame(() => setTimeout(() => this.refresh(), 0));
  }

  async refresh() {
    for (const [name, rows] of Object.entries(this.rows())) if (rows.some((row) => "shown" in row)) this.view.data(name, rows);
    await this.view.runAsync();
    this.place.dataset.shown = String(Object.values(this.rows()).flat().filter((row) => row.shown).length);
  }
};

/* What is clicked for its case: a line is of several, and the rule of an interval is not seen until its case is pointed at. */
opml.MARKS_OF_ONE_CASE = ["symbol", "rect", "text"];

/* Return the rows of a data set that is stored by column. */
opml.rows = function (stored) {
  const columns = Object.entries(stored.columns).map(([name, values]) => [name, opml.column(values)]);
  return Array.from({ length: stored.rows }, (_, row) => {
    return Object.fromEntries(columns.map(([name, values]) => [name, values[row]]));
  });
};

/* Return the scales of the axes of time, which are linear unless the reader wants it otherwise. */
opml.timeScales = function (spec) {
  const scales = [];
  const walk = (node) => {
    if (!node || typeof node !== "object") return;
    const x = node.encoding && node.encoding.x;
    if (x && x.scale) scales.push(x.scale);
    for (const key of ["layer", "hconcat", "vconcat", "concat", "spec"]) [].concat(node[key] || []).forEach(walk);
  };
  if (opml.hasBrush(spec)) walk(spec);
  return scales;
};

/* Whether a chart is the one in which a range is selected: the bubbles. */
opml.hasBrush = (spec) => (spec.params || []).some((param) => param.name === "brush");

/* Draw charts one after the other, whenever the browser has nothing better to do. */
opml.drawCharts = async function (charts) {
  const idle = window.requestIdleCallback || ((act) => setTimeout(act, 0));
  for (const chart of charts) {
    await new Promise((resolve) => idle(resolve, { timeout: 200 }));
    await chart.embed();
  }
  document.documentElement.dataset.charts = "drawn";
};
