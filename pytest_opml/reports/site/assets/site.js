/* What the pages of a site share: loading data files, which a page that was opened as a file may do only as scripts,
   the runs and cases of the index, and how figures and verdicts are written. */
"use strict";

window.opmlSite = {
  waiting: new Map(),
  put(name, value) {
    const one = opmlSite.waiting.get(name);
    if (one) one.value = value;
  },
};

/* Load a data file by its name below `data/`, once; a file that is not there is an error with its name. Of one that a
   later build may change, the version of the index is a part of the address: a cache may have an older one. */
opml.loadData = function (name, version) {
  let one = opmlSite.waiting.get(name);
  if (!one) {
    one = { value: undefined };
    opmlSite.waiting.set(name, one);
    one.promise = new Promise((resolve, reject) => {
      const script = opml.element("script", { src: `data/${name}.js${version ? `?${version}` : ""}` });
      script.addEventListener("load", () => {
        script.remove();
        if (one.value === undefined) reject(new Error(`data/${name}.js holds something else than it should`));
        else resolve(one.value);
      });
      script.addEventListener("error", () => reject(new Error(`data/${name}.js cannot be loaded`)));
      document.head.append(script);
    });
  }
  return one.promise;
};

opml.HEAD = 3; // run, machine and verdict stand before the figures of a row
opml.STATES = ["none", "pass", "fail", "inconclusive", "not_judged", "fail", "inconclusive"];
opml.NO_RESULT = 5;

/* An address that stands for more than one run. */
opml.Ambiguous = class extends Error {};

opml.Site = class {
  constructor(index) {
    Object.assign(this, index);
    this.ranks = new Map();
    this.numbers = [];
    for (const [first, last] of this.order) {
      for (let number = first; number <= last; number++) {
        this.ranks.set(number, this.numbers.length);
        this.numbers.push(number);
      }
    }
    this.metricNumbers = new Map(this.metrics.map(([name], place) => [name, place]));
    this.runs = new Map();
    this.series = this.series.map((row, number) => row && opml.seriesOf(this, number, row));
    const compare = (a, b) => a.caseNumber - b.caseNumber || opml.compareTexts(a.profile, b.profile);
    this.live = this.series.filter(Boolean).sort(compare);
    this.releaseOf = new Map(this.releases.map(([run, promoted, label]) => [run, { run, promoted, label }]));
  }

  get newest() {
    return this.numbers[this.numbers.length - 1];
  }

  /* Load files of the list of runs, the newest first, until `isEnough` of the runs in them. */
  async loadRuns(isEnough) {
    for (let place = this.lists.length - 1; place >= 0; place--) {
      if (isEnough(this.runs, place)) return;
      for (const row of await opml.loadData(`${this.data}/list/${place}`, this.version)) {
        if (!this.ranks.has(row[0])) continue;
        const [number, id, started, commit, branch, profile, verdict, ...counts] = row;
        const [passed, failed, inconclusive, notJudged, results, failures, changed, interrupted] = counts;
        const facts = { passed, failed, inconclusive, notJudged, results, failures, changed, interrupted };
        const text = this.branches[branch];
        this.runs.set(number, { number, id, started, commit, branch, branchText: text, profile, verdict, ...facts });
      }
    }
  }

  /* Load what the list says of these runs. */
  async runsOf(numbers) {
    const lowest = numbers.reduce((least, number) => Math.min(least, number), Infinity);
    await this.loadRuns((_, place) => this.lists[place + 1] !== undefined && this.lists[place + 1] <= lowest);
    return this.runs;
  }

  document(number) {
    return opml.loadData(`${this.data}/runs/${Math.floor(number / 1000)}/${number}`);
  }

  /* Return the run that a text stands for: last, release, previous, a release's label, an id or the only one that begins
     so, or a commit, of which the newest run counts; null where there is none. What begins more than one is an error. */
  async findRun(text) {
    if (text === "last") return this.newest ?? null;
    if (text === "release") return this.releases.length ? this.releases[0][0] : null;
    if (text === "previous") return this.numbers[this.numbers.length - 2] ?? null;
    const labelled = this.releases.find(([, , label]) => label === text);
    if (labelled) return labelled[0];
    let exact = null;
    await this.loadRuns((runs) => {
      exact = [...runs.values()].find((run) => run.id === text) || null;
      return exact;
    });
    const all = [...this.runs.values()].sort((a, b) => this.ranks.get(b.number) - this.ranks.get(a.number));
    if (exact) return exact.number;
    const ofId = text ? all.filter((run) => run.id.startsWith(text)) : [];
    const ofCommit = text.length < 4 ? [] : all.filter((run) => run.commit && text.startsWith(run.commit.slice(0, text.length)));
    const commits = new Set(ofCommit.map((run) => run.commit));
    const [count, what] = ofId.length ? [ofId.length, "run"] : [commits.size, "commit"];
    if (count > 1) throw new opml.Ambiguous(`${opml.short(text, 60)} begins more than one ${what}: write more of it.`);
    return (ofId[0] || ofCommit[0] || {}).number ?? null;
  }

  /* Write a figure of a metric with its unit. */
  text(metric, value, isBare) {
    if (value === null || value === undefined) return "";
    const [name, unit] = this.metrics[this.metricNumbers.get(metric)];
    const shares = ["quality", "accuracy", "recall", "precision", "f1", "auc"];
    let text;
    if (name === "op_score") text = value.toFixed(3);
    else if (shares.includes(name)) text = value.toFixed(4);
    else text = opml.threeDigits(value);
    return unit && !isBare ? `${text} ${unit}` : text;
  }

  /* Write the difference of two figures of a metric with its sign and its unit. */
  change(metric, value) {
    const text = this.text(metric, Math.abs(value));
    return `${value < 0 && opml.numberOf(text) !== 0 ? "-" : "+"}${text}`;
  }
};

opml.openSite = async function () {
  return new opml.Site(await opml.loadData("index"));
};

/* A row of the index: a case on a kind of hardware. */
opml.seriesOf = function (site, number, row) {
  const [caseNumber, profile, segments, badge, newest, change, spark, metric, views, step] = row;
  const series = { number, caseNumber, name: site.cases[caseNumber], profile, segments, badge, step };
  series.all = opml.viewOf(site, newest, change, spark, metric);
  series.views = new Map(views.map(([branch, ...view]) => [branch, opml.viewOf(site, ...view)]));
  series.address = opml.caseAddress({ case: series.name, device: profile });
  return series;
};

opml.viewOf = function (site, newest, change, spark, metric) {
  const [run, machine, verdict, score, quality, time, size, call] = newest;
  return { run, machine, verdict, score, quality, time, size, call: call ?? null, change, spark, metric: site.metrics[metric][0] };
};

/* The address of a case's page; a plus in it is a plus, since chains of techniques have some. */
opml.caseAddress = (parts) => `case.html#${Object.entries(parts).map((pair) => pair.map(encodeURIComponent).join("=")).join("&")}`;

/* --- words and figures */

opml.threeDigits = function (value) {
  if (value === 0) return "0";
  if (Math.abs(value) < 1e-4) return value.toExponential(2);
  const decimals = Math.min(Math.max(2 - Math.floor(Math.log10(Math.abs(value))), 0), 6);
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals, useGrouping: Math.abs(value) >= 1e4 });
};

opml.signed = function (value, decimals) {
  const text = Math.abs(value).toFixed(decimals);
  return `${value < 0 && Number(text) !== 0 ? "-" : "+"}${text}`;
};

opml.moment = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");

opml.amount = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many || `${one}s`}`;

opml.short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/* Return what a part of an address says; what is no escape stands for itself. */
opml.decoded = function (text) {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    return text;
  }
};

opml.figuresText = (site, view) => [["OpScore ", "op_score", view.score], ["", "call_s", view.call]].filter(([, , value]) => value !== null).map(([name, metric, value]) => name + site.text(metric, value)).join(", ");

opml.link = (href, text) => opml.element("a", { href }, text);

opml.state = (site, verdict) => opml.element("span", { class: `state ${opml.STATES[verdict]}` }, site.codes[verdict]);

/* The verdict of a whole run, and that it was stopped. */
opml.runVerdict = (site, run) => `${run.interrupted ? "interrupted, " : ""}${site.codes[run.verdict]}`;

opml.runState = (site, run) => [run.interrupted ? "interrupted, " : "", opml.state(site, run.verdict)];

opml.runAddress = (run) => `run.html#${encodeURIComponent(run.id)}`;

opml.compareAddress = (before, after) => `compare.html#${encodeURIComponent(before.id)}..${encodeURIComponent(after.id)}`;

/* A line of values as a small picture, with the same in words. */
opml.spark = function (values, words) {
  const [width, height, edge] = [120, 26, 3];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (place) => edge + (values.length > 1 ? (place * (width - 2 * edge)) / (values.length - 1) : (width - 2 * edge) / 2);
  const y = (value) => (high > low ? edge + ((high - value) * (height - 2 * edge)) / (high - low) : height / 2);
  const svg = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    return element;
  };
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "spark", role: "img", "aria-label": words });
  const points = values.map((value, place) => `${x(place).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  picture.append(svg("polyline", { points }));
  picture.append(svg("circle", { cx: x(values.length - 1).toFixed(1), cy: y(values[values.length - 1]).toFixed(1), r: 2.5 }));
  return picture;
};

/* A table whose cells may be links or pictures: `cells` has, by column, what makes one from the number of its row. */
opml.LinkTable = class extends opml.Table {
  cell(row, column) {
    const make = opml.cellsOf.get(this.place)?.[column];
    if (!make) return super.cell(row, column);
    const isName = this.headers[column] === "case";
    const isLong = isName && this.columns[column][row].length > opml.LONG_NAME;
    const attributes = { class: isName ? `name${isLong ? " long" : ""}` : this.kinds[column] };
    return opml.element(isName ? "th" : "td", isName ? { ...attributes, scope: "row" } : attributes, ...[].concat(make(row)));
  }
};
opml.cellsOf = new WeakMap(); // by the place of a table, since the base draws before a field could be set

/* Put a table into a section of its own under a heading; columns are [header, kind, text of a row, node of a row]. */
opml.addTable = function (parent, id, title, rows, columns, marks) {
  const place = opml.element("div", { id, class: "table" });
  parent.append(place);
  const shown = columns.filter(([header, , text]) => header && rows.some((row) => text(row) !== ""));
  opml.cellsOf.set(place, Object.fromEntries(shown.map(([, , , node], column) => [column, node && ((row) => node(rows[row]))])));
  const content = {
    title,
    headers: shown.map(([header]) => header),
    kinds: shown.map(([, kind]) => kind),
    columns: shown.map(([, , text]) => rows.map((row) => String(text(row)))),
    marks: rows.map((row) => (marks ? marks(row) : "")),
  };
  return new opml.LinkTable(place, content);
};

opml.section = function (parent, title, ...children) {
  const section = opml.element("section", {}, opml.element("h2", {}, title), ...children);
  parent.append(section);
  return section;
};

opml.facts = function (pairs) {
  const list = opml.element("dl");
  for (const [name, value] of pairs) if (value) list.append(opml.element("dt", {}, name), opml.element("dd", {}, ...[].concat(value)));
  return list;
};

/* A list to choose from; `act` is called with the value. */
opml.chooser = function (id, label, options, value, act) {
  const select = opml.element("select", { id });
  for (const [key, text] of options) select.append(opml.element("option", { value: key }, text));
  select.value = value;
  select.addEventListener("change", () => act(select.value));
  return opml.element("span", { class: "choice" }, opml.element("label", { for: id }, `${label} `), select);
};

/* Show a page: `draw` fills the content, again whenever the address changes; what goes wrong is said in the page. */
opml.showPage = function (draw) {
  let last = 0;
  const show = async (event) => {
    const content = document.getElementById("content");
    const own = ++last; // the address may change again before the data of this one are there
    content.setAttribute("aria-busy", "true");
    try {
      const site = await (opml.site ??= opml.openSite());
      document.getElementById("site-title").textContent = site.title;
      const fresh = opml.element("div");
      const title = await draw(site, fresh);
      if (own !== last) return;
      document.title = `${opml.short(title, 120)}: ${opml.short(site.title, 200)}`;
      const before = document.activeElement;
      document.getElementById("filled").replaceChildren(fresh);
      if (event.type === "hashchange") opml.focusAfter(before, content);
      fresh.dispatchEvent(new Event("shown"));
    } catch (error) {
      if (own !== last) return;
      const isTyped = error instanceof opml.Ambiguous;
      const text = isTyped ? error.message : `This page cannot be shown: ${error.message}. Reload it; if that does not help, build the site again with opml site.`;
      document.getElementById("filled").replaceChildren(opml.element("h1", {}, isTyped ? "More than one" : "An error"), opml.element("p", { class: `verdict ${isTyped ? "not_judged" : "fail"}`, role: "alert" }, text));
    }
    content.removeAttribute("aria-busy");
    document.documentElement.dataset.page = "shown";
  };
  document.addEventListener("click", (event) => {
    if (!event.target.matches?.("[data-skip]")) return;
    event.preventDefault(); // the part of the address behind # says which case or run is shown
    document.getElementById("content").focus();
  });
  window.addEventListener("hashchange", show);
  document.addEventListener("DOMContentLoaded", show);
};

/* Put the focus where it was before the content was drawn anew, or at its beginning if that is gone. */
opml.focusAfter = function (before, content) {
  const again = before?.id && document.getElementById(before.id);
  if (again) return again.focus({ preventScroll: true });
  if (before !== document.body && before?.isConnected) return; // outside of the content
  window.scrollTo(0, 0);
  content.focus({ preventScroll: true });
};

opml.missing = function (content, title, text) {
  content.append(opml.element("h1", {}, title), opml.element("p", { class: "verdict not_judged" }, text));
  return title;
};
