/* A run: what came of it, its results, and what did not pass. */
"use strict";

opml.runFacts = function (site, run, document_) {
  const commit = document_.commit ? `${document_.commit.slice(0, 10)}${document_.changed ? ", with changes that are not in it" : ""}` : "";
  const job = document_.job;
  const jobText = job ? `${job.service}${job.request ? `, request ${job.request}` : ""}` : "";
  const release = site.releaseOf.get(run.number);
  return opml.facts([
    ["release", release ? `${release.label || "yes"}, promoted ${opml.moment(release.promoted)} UTC` : ""],
    ["began", `${opml.moment(document_.started)} UTC, took ${document_.seconds.toLocaleString("en")} s`],
    ["cost", document_.cost || ""], // which runs that an earlier version added have not
    ["commit", commit],
    ["branch", document_.branch],
    ["CI job", job && job.link ? opml.element("a", { href: job.link, rel: "noreferrer" }, jobText) : jobText],
    ["machine", document_.machine],
    ["system", document_.platform],
    ["baseline", document_.baseline],
    ["run", document_.id],
    ["versions", document_.versions.map(([name, version]) => `${name} ${version}`).join(", ")],
  ]);
};

opml.neighbours = function (site, run) {
  const earlier = site.numbers.slice(0, site.ranks.get(run.number)).reverse();
  const listed = earlier.map((number) => site.runs.get(number)).filter(Boolean);
  const links = [];
  const previous = listed.find((one) => one.branch === run.branch) || listed[0];
  if (previous) links.push(opml.link(opml.compareAddress(previous, run), `compare with the run before${previous.branch === run.branch && run.branchText ? ` on ${opml.short(run.branchText, 40)}` : ""}`));
  const released = site.releases.map(([number]) => site.runs.get(number)).find((one) => one && one.number !== run.number);
  if (released) links.push(opml.link(opml.compareAddress(released, run), "compare with the release"));
  const after = site.runs.get(site.numbers[site.ranks.get(run.number) + 1]);
  if (listed[0]) links.push(opml.link(opml.runAddress(listed[0]), "older run"));
  if (after) links.push(opml.link(opml.runAddress(after), "newer run"));
  return links.flatMap((link, place) => (place ? [" · ", link] : [link]));
};

opml.showPage(async (site, content) => {
  const wanted = opml.decoded(window.location.hash.slice(1)) || "last";
  if (!site.numbers.length) return opml.missing(content, "No run", "The site has no run yet. Run pytest bench, and build the site again.");
  const number = await site.findRun(wanted);
  if (number === null) return opml.missing(content, "No such run", `The site has no run ${opml.short(wanted, 200)}.`);
  const [document_, runs] = [await site.document(number), await site.runsOf([number, ...site.releases.map(([one]) => one)])];
  const run = runs.get(number);
  const title = `Run of ${opml.moment(run.started)} UTC`;
  const banner = opml.element("section", { class: `verdict ${opml.STATES[run.verdict]}` }, opml.element("h1", {}, document_.sentence), opml.element("p", {}, title));
  content.append(banner, opml.element("p", {}, ...opml.neighbours(site, run)));
  if (document_.checks.length) {
    const section = opml.section(content, "Budgets that did not pass");
    const columns = [
      ["verdict", "text short", (row) => row[3], (row) => opml.element("span", { class: `state ${opml.STATES[row[2]]}` }, row[3])],
      ["case", "name", (row) => row[0] || "the run", (row) => (row[0] ? opml.link(opml.caseAddress({ case: row[0], ...(row[1] ? { device: row[1] } : {}) }), opml.short(row[0], 300)) : opml.element("span", {}, "the run"))],
      ["device", "text short", (row) => row[1]],
      ["what was seen", "text", (row) => row[4]],
    ];
    opml.addTable(section, "checks", "Budgets that did not pass", document_.checks, columns);
    if (document_.more_checks) section.append(opml.element("p", { class: "quiet" }, `and ${document_.more_checks.toLocaleString("en")} more`));
  }
  if (document_.failures.length) {
    const section = opml.section(content, "Cases without a result");
    const columns = [
      ["case", "name", (row) => site.series[row[0]]?.name || "", (row) => opml.caseLink(site, row[0])],
      ["device", "text short", (row) => site.series[row[0]]?.profile || ""],
      ["kind", "text short", (row) => row[1]],
      ["why", "text", (row) => row[2]],
    ];
    opml.addTable(section, "failures", "Cases without a result", document_.failures, columns);
  }
  if (document_.results.length) {
    const section = opml.section(content, "Results");
    const rank = (row) => row[3] ?? Infinity;
    const rows = [...document_.results].sort((a, b) => rank(a) - rank(b));
    const columns = [
      ["case", "name", (row) => site.series[row[0]]?.name || "", (row) => opml.caseLink(site, row[0])],
      ["device", "text short", (row) => site.series[row[0]]?.profile || ""],
      ["verdict", "text short", (row) => site.codes[row[2]], (row) => opml.state(site, row[2])],
      ["OpScore", "number", (row) => site.text("op_score", row[3])],
      ["quality", "number", (row) => site.text("quality", row[4])],
      ["time, s", "number", (row) => site.text("inference_s", row[5], true)],
      ["size, MB", "number", (row) => site.text("size_mb", row[6], true)],
      ["call, s", "number", (row) => site.text("call_s", row[7], true)],
    ];
    opml.addTable(section, "results", "Results, the best OpScore first", rows, columns);
  }
  opml.section(content, "The run", opml.runFacts(site, run, document_));
  return title;
});

opml.caseLink = function (site, number) {
  const series = site.series[number];
  return series ? opml.link(series.address, opml.short(series.name, 300)) : "";
};
