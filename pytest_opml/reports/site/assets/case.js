/* A case: the trend of each metric, its lasting steps, its budgets and its runs. */
"use strict";

opml.NEWEST_FILES = 4; // of a case's rows, which a page shows at first: a thousand results
opml.MOST_MACHINES = 8;

opml.readRows = async function (site, series, all) {
  const first = all ? 0 : Math.max(0, series.segments - opml.NEWEST_FILES);
  const names = Array.from({ length: series.segments - first }, (_, place) => `${site.data}/series/${series.number}/${first + place}`);
  const rows = (await Promise.all(names.map((name) => opml.loadData(name, site.version)))).flat().filter((row) => site.ranks.has(row[0]));
  rows.sort((a, b) => site.ranks.get(a[0]) - site.ranks.get(b[0]));
  return { rows, isWhole: first === 0 };
};

opml.valueOf = (site, row, metric) => row[opml.HEAD + site.metricNumbers.get(metric)] ?? null;

/* The chart of a metric: a specification that is the same for every case, and its rows. */
opml.trendOf = function (site, series, rows, metric, facts) {
  const points = rows.filter((row) => opml.valueOf(site, row, metric) !== null);
  const runs = points.map((row) => site.runs.get(row[0]));
  const isInTime = runs.every((run, place) => !place || runs[place - 1].started <= run.started);
  const at = new Map(points.map((row, place) => [row[0], isInTime ? runs[place].started * 1000 : place + 1]));
  const machines = [...new Set(points.map((row) => row[1]))];
  const named = machines.slice(0, machines.length > opml.MOST_MACHINES ? opml.MOST_MACHINES - 1 : opml.MOST_MACHINES);
  const label = (machine) => (named.includes(machine) ? opml.short(site.machines[machine], 60) : "other machines");
  const steps = (facts.steps[metric] || []).filter(([run]) => at.has(run));
  const spec = structuredClone(opmlTrends.specs[metric][isInTime ? "time" : "number"]);
  const labels = [...new Set(machines.map(label))];
  for (const layer of spec.layer) {
    for (const channel of ["color", "shape"]) if (layer.encoding[channel]?.scale?.domain) layer.encoding[channel].scale.domain = labels;
  }
  const budgets = facts.budgets.filter(([figure]) => figure === metric);
  const point = (row, place) => ({
    run: opml.short(runs[place].id, 40), at: at.get(row[0]), value: opml.valueOf(site, row, metric), machine: label(row[1]),
    commit: runs[place].commit, branch: opml.short(runs[place].branchText, 60), value_text: site.text(metric, opml.valueOf(site, row, metric)),
    date: `${opml.moment(runs[place].started)} UTC`, number: row[0],
  });
  const released = points.filter((row) => site.releaseOf.has(row[0]));
  const last = points.length ? site.text(metric, opml.valueOf(site, points[points.length - 1], metric)) : "no value";
  return {
    name: "trend",
    title: `${metric} of ${opml.short(series.name, 120)}`,
    summary: `${metric} in ${opml.amount(points.length, "run")}, the newest ${last}; ${opml.amount(steps.length, "lasting step")}, ${opml.amount(released.length, "release")}, ${opml.amount(budgets.length, "budget")}.`,
    spec,
    datasets: {
      points: opml.byColumn(points.map(point)),
      levels: opml.byColumn(opml.levelsOf(points, steps, at)),
      steps: opml.byColumn(steps.map(([run]) => ({ at: at.get(run), text: opml.stepText(site, run) }))),
      limits: opml.byColumn(budgets.map(([, budget, limit]) => ({ value: limit, text: opml.short(budget, 60) }))),
      releases: opml.byColumn(released.map((row) => ({ at: at.get(row[0]), text: opml.short(site.releaseOf.get(row[0]).label || "release", 24) }))),
    },
  };
};

/* Rows as the charts take them: the values of each column. */
opml.byColumn = (rows) => ({ rows: rows.length, columns: Object.fromEntries(Object.keys(rows[0] || {}).map((name) => [name, rows.map((row) => row[name])])) });

opml.stepText = (site, number) => site.runs.get(number)?.commit || opml.short(site.runs.get(number)?.id || "", 10);

/* The stretches between the steps of each machine, at the level that the values have there. */
opml.levelsOf = function (points, steps, at) {
  const levels = [];
  for (const machine of new Set(steps.map((step) => step[5]))) {
    const own = steps.filter((step) => step[5] === machine);
    const among = points.filter((row) => machine === null || row[1] === machine);
    const ends = [among[0][0], ...own.map(([run]) => run), among[among.length - 1][0]].map((run) => at.get(run));
    const values = [own[0][3], ...own.map((step) => step[4])];
    values.forEach((value, place) => levels.push({ at: ends[place], end: ends[place + 1], value }));
  }
  return levels;
};

opml.addSteps = function (site, content, facts, metric) {
  const steps = facts.steps[metric] || [];
  const scope = site.main === null ? "" : ` Steps are searched on the branch ${opml.short(site.branches[site.main], 60)} where the case has results there.`;
  const about = opml.element("p", { class: "quiet" }, `${steps.length ? "A step is a change that lasts, not a single odd run." : `No lasting step of ${metric} among the newest results.`}${scope}`);
  const section = opml.section(content, "Steps", about);
  if (!steps.length) return;
  const run = (number) => site.runs.get(number);
  const runCell = (place) => (row) => (run(row[place]) ? opml.link(opml.runAddress(run(row[place])), opml.moment(run(row[place]).started)) : "");
  const runText = (place) => (row) => (run(row[place]) ? opml.moment(run(row[place]).started) : "");
  const commit = (number) => run(number)?.commit || "";
  opml.addTable(section, "steps", `Lasting steps of ${metric}`, [...steps].reverse(), [
    ["before", "number", (row) => site.text(metric, row[3])],
    ["after", "number", (row) => site.text(metric, row[4])],
    ["change", "number", (row) => site.change(metric, row[4] - row[3])],
    ["last run before", "text short", runText(1), runCell(1)],
    ["first run after", "text short", runText(2), runCell(2)],
    ["between the commits", "name", (row) => [commit(row[1]), commit(row[2])].filter(Boolean).join(" .. ")],
    ["machine", "text", (row) => (row[5] === null ? "" : site.machines[row[5]])],
  ]);
};

opml.addBudgets = function (site, content, facts) {
  if (!facts.budgets.length) return;
  const run = site.runs.get(facts.budgets_run);
  const section = opml.section(content, "Budgets", opml.element("p", { class: "quiet" }, "As the run of ", run ? opml.link(opml.runAddress(run), opml.moment(run.started)) : "an earlier day", " was held to them."));
  const isOurs = (figure) => site.metricNumbers.has(figure);
  const text = (figure, value) => (isOurs(figure) ? site.text(figure, value) : value === null ? "" : opml.threeDigits(value));
  opml.addTable(section, "budgets", "Budgets on the case", facts.budgets, [
    ["verdict", "text short", (row) => site.codes[row[4]], (row) => opml.state(site, row[4])],
    ["budget", "name", (row) => `${row[0]} ${row[1]}`],
    ["value", "number", (row) => text(row[0], row[3])],
    ["limit", "number", (row) => `at ${row[5]} ${text(row[0], row[2])}`],
    ["why", "text", (row) => row[7]],
    ["written in", "name", (row) => row[6]],
  ]);
};

opml.addRuns = function (site, content, series, read, again) {
  const rows = [...read.rows].reverse();
  const section = opml.section(content, "Runs");
  const run = (row) => site.runs.get(row[0]);
  const next = new Map(rows.map((row, place) => [row, rows[place + 1]]));
  const value = (metric) => (row) => site.text(metric, opml.valueOf(site, row, metric), true);
  const compare = (row) => (next.get(row) ? opml.link(opml.compareAddress(run(next.get(row)), run(row)), "compare") : "");
  opml.addTable(section, "runs", "Runs with the case, the newest first", rows, [
    ["began (UTC)", "text short", (row) => opml.moment(run(row).started), (row) => opml.link(opml.runAddress(run(row)), opml.moment(run(row).started))],
    ["verdict", "text short", (row) => site.codes[row[2]], (row) => opml.state(site, row[2])],
    ["OpScore", "number", value("op_score")],
    ["quality", "number", value("quality")],
    ["time, s", "number", value("inference_s")],
    ["p99, ms", "number", value("latency_ms.p99")],
    ["size, MB", "number", value("size_mb")],
    ["call, s", "number", value("call_s")],
    ["branch", "name", (row) => opml.short(run(row).branchText, 60)],
    ["commit", "name", (row) => run(row).commit],
    ["release", "text short", (row) => (site.releaseOf.has(row[0]) ? site.releaseOf.get(row[0]).label || "yes" : "")],
    ["against the one before", "text short", (row) => (next.get(row) ? "compare" : ""), compare],
  ]);
  if (!read.isWhole) {
    const button = opml.element("button", { type: "button", id: "older" }, "Load the older runs too");
    button.addEventListener("click", () => again(true));
    section.append(button);
  }
};

opml.addBadge = function (content, series) {
  const file = `badges/${series.badge}`;
  const here = window.location.protocol === "file:" ? "https://example.org/" : new URL(".", window.location.href).href;
  const base = opml.text("base-url") || here;
  const page = `${base}${series.address}`;
  const alt = `opml ${series.name}`.replace(/[[\]\\`<>!*_]/g, " ");
  const safe = page.replaceAll("(", "%28").replaceAll(")", "%29");
  const line = `[![${opml.short(alt, 80)}](${base}${file})](${safe})`;
  const image = opml.element("img", { src: file, alt: `Badge of ${opml.short(series.name, 120)} on ${series.profile}`, height: "20" });
  opml.section(content, "Badge", image, opml.element("p", {}, "For a README or a wiki, once the site is published there:"), opml.element("pre", { tabindex: "0" }, line));
};

/* What the address asks for. A plus stands for itself, as in the ids of chains; or for a blank where no case has it. */
opml.addressOfCase = function (site) {
  const text = window.location.hash.slice(1);
  const [plain, form] = [text.replaceAll("+", "%2B"), text].map((one) => new URLSearchParams(one));
  const isThere = site.live.some((series) => series.name === plain.get("case"));
  return isThere ? plain : form;
};

opml.text = (id) => document.querySelector(`meta[name="opml-${id}"]`)?.content || "";

opml.showPage(async (site, content) => {
  const address = opml.addressOfCase(site);
  const name = address.get("case") || site.live[0]?.name || "";
  const own = site.live.filter((series) => series.name === name);
  if (!site.live.length) return opml.missing(content, "No case", "The site has no case yet. Run pytest bench, and build the site again.");
  if (!own.length) return opml.missing(content, "No such case", `The site has no case ${opml.short(name, 300)}.`);
  const series = own.find((one) => one.profile === address.get("device")) || own[0];
  content.append(opml.element("h1", {}, opml.short(series.name, 1000)));
  const [read, facts] = [await opml.readRows(site, series, address.has("all")), await opml.loadData(`${site.data}/series/${series.number}/facts`, site.version)];
  await site.runsOf([...read.rows.map((row) => row[0]), ...Object.values(facts.steps).flat().flatMap((step) => step.slice(0, 3))]);
  const measured = site.metrics.map(([metric]) => metric).filter((metric) => read.rows.some((row) => opml.valueOf(site, row, metric) !== null));
  const go = (key, value) => {
    address.set("case", name);
    if (value === "") address.delete(key);
    else address.set(key, value);
    window.location.hash = opml.caseAddress(Object.fromEntries(address)).split("#")[1];
  };
  const metric = measured.includes(address.get("metric")) ? address.get("metric") : measured[0];
  const numbers = [...new Set(read.rows.map((row) => site.runs.get(row[0]).branch))];
  const branches = numbers.map((number) => [String(number), site.branches[number] || "(no branch)"]);
  const branch = branches.some(([number]) => number === address.get("branch")) ? address.get("branch") : "";
  const rows = branch === "" ? read.rows : read.rows.filter((row) => site.runs.get(row[0]).branch === Number(branch));
  const view = series.all;
  const run = site.runs.get(view.run);
  content.append(
    opml.element("p", {}, opml.state(site, view.verdict), " ", opml.figuresText(site, view), run ? " in the run of " : "", run ? opml.link(opml.runAddress(run), `${opml.moment(run.started)} UTC`) : ""),
    opml.element(
      "div",
      { class: "tools" },
      opml.chooser("device", "Device", own.map((one) => [one.profile, one.profile]), series.profile, (value) => go("device", value)),
      measured.length ? opml.chooser("metric", "Metric", measured.map((one) => [one, one]), metric, (value) => go("metric", value)) : "",
      opml.chooser("branch", "Branch", [["", "all"], ...branches], branch, (value) => go("branch", value)),
    ),
  );
  if (metric) {
    const chart = opml.trendOf(site, series, rows, metric, facts);
    const place = opml.element("div", { class: "chart", id: "trend" });
    content.append(opml.element("figure", {}, opml.element("figcaption", {}, opml.element("b", {}, `${metric}. `), chart.summary), place));
    content.addEventListener("shown", () => opml.drawTrend(site, place, chart));
    opml.addSteps(site, content, facts, metric);
  }
  opml.addBudgets(site, content, facts);
  opml.addRuns(site, content, series, { rows, isWhole: read.isWhole }, () => go("all", "yes"));
  opml.addBadge(content, series);
  return series.name;
});

/* Draw the trend; a click on a point opens its run. */
opml.drawTrend = async function (site, place, content) {
  const chart = new opml.Chart(place, content, opmlTrends.themes, null);
  await chart.embed();
  chart.view.addEventListener("click", (_, item) => {
    const run = site.runs.get(item?.datum?.number);
    if (run) window.location.href = opml.runAddress(run);
  });
  document.documentElement.dataset.charts = "drawn";
};
