/* The index: the newest result of each case, with its last scores, and the newest runs. */
"use strict";

opml.MOST_RUNS = 1000;

opml.indexRows = function (site, branch, profile) {
  const view = (series) => (branch === "" ? series.all : series.views.get(Number(branch)));
  return site.live
    .filter((series) => (profile === "" || series.profile === profile) && view(series))
    .map((series) => ({ series, view: view(series) }));
};

opml.sparkWords = function (site, row) {
  const values = row.view.spark;
  const name = row.view.metric === "op_score" ? "OpScore" : row.view.metric;
  const [first, last] = [values[0], values[values.length - 1]].map((value) => site.text(row.view.metric, value));
  if (values.length === 1) return `one value of ${name}, ${first}`;
  return `the last ${opml.amount(values.length, "value")} of ${name}, from ${first} to ${last}`;
};

opml.changeText = (site, row) => (row.view.change === null ? "" : site.change(row.view.metric, row.view.change));

opml.drawCases = function (site, place, rows) {
  const columns = [
    ["case", "name", (row) => row.series.name, (row) => opml.link(row.series.address, opml.short(row.series.name, 300))],
    ["device", "text short", (row) => row.series.profile],
    ["verdict", "text short", (row) => site.codes[row.view.verdict], (row) => opml.state(site, row.view.verdict)],
    ["OpScore", "number", (row) => site.text("op_score", row.view.score)],
    ["call, s", "number", (row) => site.text("call_s", row.view.call, true)],
    ["change", "number", (row) => opml.changeText(site, row)],
    ["trend", "text", (row) => (row.view.spark.length ? opml.sparkWords(site, row) : ""), (row) => (row.view.spark.length ? opml.spark(row.view.spark, opml.sparkWords(site, row)) : "")],
    ["quality", "number", (row) => site.text("quality", row.view.quality)],
    ["time, s", "number", (row) => site.text("inference_s", row.view.time, true)],
    ["size, MB", "number", (row) => site.text("size_mb", row.view.size, true)],
    ["last step", "number", (row) => (row.series.step ? site.change(row.series.all.metric, row.series.step[1]) : "")],
    ["last run", "text short", (row) => opml.runText(site, row.view.run), (row) => opml.runLink(site, row.view.run)],
  ];
  opml.addTable(place, "cases", "Newest result of each case", rows, columns);
};

opml.runText = (site, number) => (site.runs.has(number) ? opml.moment(site.runs.get(number).started) : "earlier");

opml.runLink = function (site, number) {
  const run = site.runs.get(number);
  return run ? opml.link(opml.runAddress(run), opml.moment(run.started)) : "earlier";
};

/* How many budgets of a run came out how, the worst first. */
opml.budgetCounts = (run) =>
  [[run.failed, "failed"], [run.notJudged, "not judged"], [run.inconclusive, "inconclusive"], [run.passed, "passed"]]
    .filter(([count]) => count)
    .map(([count, word]) => `${count.toLocaleString("en")} ${word}`)
    .join(", ");

opml.runColumns = (site) => [
  ["run", "name", (run) => run.id, (run) => opml.link(opml.runAddress(run), opml.short(run.id, 24))],
  ["began (UTC)", "text short", (run) => opml.moment(run.started)],
  ["verdict", "text short", (run) => opml.runVerdict(site, run), (run) => opml.runState(site, run)],
  ["branch", "name", (run) => opml.short(run.branchText, 60)],
  ["commit", "name", (run) => (run.commit ? run.commit + (run.changed ? ", changed files" : "") : "")],
  ["release", "text short", (run) => (site.releaseOf.has(run.number) ? site.releaseOf.get(run.number).label || "yes" : "")],
  ["device", "text short", (run) => run.profile],
  ["results", "number", (run) => run.results.toLocaleString("en")],
  ["no result", "number", (run) => run.failures || ""],
  ["budgets", "text short", opml.budgetCounts],
];

opml.showPage(async (site, content) => {
  content.append(opml.element("h1", {}, site.title));
  if (!site.numbers.length) {
    content.append(opml.element("p", {}, "The history has no run yet. Run pytest bench, and build the site again."));
    return "Cases";
  }
  let count = 0;
  await site.loadRuns((runs) => (count = runs.size) >= opml.MOST_RUNS);
  const numbers = site.numbers.filter((number) => site.runs.has(number)).reverse().slice(0, opml.MOST_RUNS);
  const used = new Set(site.live.flatMap((series) => [...series.views.keys()]));
  const branches = [...used].map((number) => [String(number), site.branches[number] || "(no branch)"]);
  const profiles = [...new Set(site.live.map((series) => series.profile))].sort();
  let [branch, profile] = ["", ""];
  const cases = opml.section(content, "Cases");
  const counts = opml.element("p", { class: "quiet" });
  const table = opml.element("div");
  const draw = () => {
    const rows = opml.indexRows(site, branch, profile);
    const failing = rows.filter((row) => opml.STATES[row.view.verdict] === "fail").length;
    const score = rows.some((row) => row.view.score !== null) ? " OpScore: lower is better." : "";
    counts.textContent = `${opml.amount(rows.length, "case")}; ${failing.toLocaleString("en")} ${failing === 1 ? "fails or has" : "fail or have"} no result.${score} A change is against the result before, on the same machine.`;
    table.replaceChildren();
    opml.drawCases(site, table, rows);
  };
  cases.append(
    opml.element(
      "div",
      { class: "tools" },
      opml.chooser("branch", "Branch", [["", "all"], ...branches], branch, (value) => ((branch = value), draw())),
      opml.chooser("profile", "Device", [["", "all"], ...profiles.map((one) => [one, one])], profile, (value) => ((profile = value), draw())),
    ),
    counts,
    table,
  );
  draw();
  const runs = opml.section(content, "Runs", opml.element("p", { class: "quiet" }, opml.runsSentence(site, numbers.length)));
  opml.addTable(runs, "runs", "Runs, the newest first", numbers.map((number) => site.runs.get(number)), opml.runColumns(site));
  return "Cases";
});

opml.runsSentence = function (site, shown) {
  const all = opml.amount(site.numbers.length, "run");
  return shown < site.numbers.length ? `${all} in all; the newest ${shown.toLocaleString("en")} are listed. Others are found by their address: run.html#ID.` : `${all} in all.`;
};
