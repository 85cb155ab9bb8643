/* Two runs side by side: the differences of each case that both have. */
"use strict";

opml.MOST_PARTS = 20; // of an address, each end of which may be an id

/* Return the two runs of an address A..B; an id may itself hold two dots. */
opml.comparedRuns = async function (site, address) {
  const parts = address.split("..");
  let ambiguous = null;
  for (let place = 1; place < Math.min(parts.length, opml.MOST_PARTS); place++) {
    const texts = [parts.slice(0, place).join(".."), parts.slice(place).join("..")].map(opml.decoded);
    try {
      const numbers = [await site.findRun(texts[0]), await site.findRun(texts[1])];
      if (!numbers.includes(null)) return numbers;
    } catch (error) {
      if (!(error instanceof opml.Ambiguous)) throw error;
      ambiguous = error; // it may be half of a name that is whole elsewhere
    }
  }
  if (ambiguous) throw ambiguous;
  return null;
};

opml.comparedRows = function (site, before, after) {
  const earlier = new Map(before.results.map((row) => [row[0], row]));
  return after.results.filter((row) => earlier.has(row[0])).map((row) => ({ series: site.series[row[0]], old: earlier.get(row[0]), now: row }));
};

opml.difference = (row, place) => (row.old[place] === null || row.now[place] === null || row.old[place] === undefined || row.now[place] === undefined ? null : row.now[place] - row.old[place]);

opml.ratio = function (row, place) {
  const [old, now] = [row.old[place], row.now[place]];
  return old && now ? (now / old).toFixed(3) : "";
};

opml.comparisonForm = function (texts) {
  const fields = ["Before", "After"].map((label, place) => {
    const input = opml.element("input", { id: `run-${place}`, value: texts[place], autocomplete: "off", spellcheck: "false" });
    return [opml.element("label", { for: input.id }, `${label} `), input];
  });
  const button = opml.element("button", { type: "submit" }, "Compare");
  const form = opml.element("form", { class: "tools" }, ...fields.flat(), button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    window.location.hash = fields.map(([, input]) => encodeURIComponent(input.value.trim())).join("..");
  });
  return form;
};

opml.showPage(async (site, content) => {
  const address = window.location.hash.slice(1) || "previous..last";
  const numbers = await opml.comparedRuns(site, address);
  if (site.numbers.length < 2 && !window.location.hash) {
    return opml.missing(content, "Two runs", `The site has ${opml.amount(site.numbers.length, "run")}, and a comparison is of two. Run pytest bench, and build the site again.`);
  }
  content.append(opml.element("h1", {}, "Two runs"));
  const help = "Write the id of a run or its beginning, a commit, the label of a release, or last, previous or release.";
  if (!numbers) {
    content.append(opml.comparisonForm(["previous", "last"]), opml.element("p", { class: "quiet" }, help));
    const named = opml.short(opml.decoded(address), 300);
    const text = address.includes("..") ? `The site has no such two runs: ${named}.` : `${named} is no address of two runs: write A..B.`;
    content.append(opml.element("p", { class: "verdict not_judged" }, text));
    return "Two runs";
  }
  const runs = await site.runsOf(numbers);
  const [before, after] = numbers.map((number) => runs.get(number));
  const [old, now] = [await site.document(before.number), await site.document(after.number)];
  content.append(opml.comparisonForm([before.id, after.id]), opml.element("p", { class: "quiet" }, help));
  const about = (run) => [opml.link(opml.runAddress(run), opml.short(run.id, 24)), ` of ${opml.moment(run.started)} UTC`, run.branchText ? `, ${opml.short(run.branchText, 60)}` : "", run.commit ? `, commit ${run.commit}` : "", ": ", ...opml.runState(site, run)];
  content.append(opml.facts([["before", about(before)], ["after", about(after)]]));
  const rows = opml.comparedRows(site, old, now).filter((row) => row.series);
  const isSame = (row) => row.old[1] === row.now[1];
  const changes = rows.filter(isSame).map((row) => opml.difference(row, 3)).filter((value) => value !== null);
  const better = changes.filter((value) => value < -0.0005).length;
  const worse = changes.filter((value) => value > 0.0005).length;
  const elsewhere = rows.filter((row) => !isSame(row)).length;
  const scores = changes.length ? ` Of those on the same machine, the OpScore is lower (better) in ${better} and higher in ${worse}.` : "";
  const counts = `${opml.amount(rows.length, "case is", "cases are")} in both runs.${scores}`;
  const moved = elsewhere ? ` ${opml.amount(elsewhere, "case was", "cases were")} measured on another machine: times and OpScores are not compared there.` : "";
  const sentence = `${counts}${moved} These are plain differences; the command opml compare says which of them are more than noise.`;
  content.append(opml.element("p", {}, sentence));
  const section = opml.section(content, "Differences");
  const same = (row, text) => (isSame(row) ? text : "");
  const difference = (place, decimals) => (row) => (opml.difference(row, place) === null ? "" : opml.signed(opml.difference(row, place), decimals));
  const columns = [
    ["case", "name", (row) => row.series.name, (row) => opml.link(row.series.address, opml.short(row.series.name, 300))],
    ["device", "text short", (row) => row.series.profile],
    ["verdict", "text short", (row) => (row.old[2] === row.now[2] ? site.codes[row.now[2]] : `${site.codes[row.old[2]]} → ${site.codes[row.now[2]]}`), (row) => (row.old[2] === row.now[2] ? opml.state(site, row.now[2]) : [opml.state(site, row.old[2]), " → ", opml.state(site, row.now[2])])],
    ["OpScore", "number", (row) => site.text("op_score", row.now[3])],
    ["OpScore difference", "number", (row) => same(row, difference(3, 3)(row))],
    ["quality difference", "number", difference(4, 4)],
    ["time ratio", "number", (row) => same(row, opml.ratio(row, 5))],
    ["size ratio", "number", (row) => opml.ratio(row, 6)],
    ["call ratio", "number", (row) => same(row, opml.ratio(row, 7))],
    ["machine", "text short", (row) => (isSame(row) ? "" : "another")],
  ];
  opml.addTable(section, "differences", "After against before", rows, columns);
  opml.addLonely(site, content, "Only in the run before", old, now);
  opml.addLonely(site, content, "Only in the run after", now, old);
  return "Two runs";
});

opml.addLonely = function (site, content, title, one, two) {
  const present = new Set(two.results.map((row) => row[0]));
  const rows = one.results.filter((row) => !present.has(row[0]) && site.series[row[0]]);
  if (!rows.length) return;
  opml.addTable(opml.section(content, title), title.toLowerCase().replaceAll(" ", "-"), title, rows, [
    ["case", "name", (row) => site.series[row[0]].name, (row) => opml.link(site.series[row[0]].address, opml.short(site.series[row[0]].name, 300))],
    ["device", "text short", (row) => site.series[row[0]].profile],
    ["OpScore", "number", (row) => site.text("op_score", row[3])],
  ]);
};
