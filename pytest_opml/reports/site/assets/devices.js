/* The device matrix: each case on each kind of hardware. */
"use strict";

opml.MATRIX = [
  ["op_score", "OpScore", (view) => view.score],
  ["inference_s", "time", (view) => view.time],
  ["quality", "quality", (view) => view.quality],
  ["call_s", "time of a call", (view) => view.call],
];

opml.showPage(async (site, content) => {
  const profiles = [...new Set(site.live.map((series) => series.profile))].sort();
  const rows = [...new Set(site.live.map((series) => series.name))].map((name) => ({ name, on: new Map() }));
  const byName = new Map(rows.map((row) => [row.name, row]));
  for (const series of site.live) byName.get(series.name).on.set(series.profile, series);
  const place = opml.element("div");
  const used = opml.MATRIX.filter(([, , value]) => site.live.some((series) => value(series.all) !== null));
  if (!used.length) return opml.missing(content, "Devices", "The site has no result yet. Run pytest bench, and build the site again.");
  content.append(opml.element("h1", {}, "Devices"));
  const draw = (metric) => {
    const value = used.find(([name]) => name === metric)[2];
    const lacks = (view) => (view.verdict === opml.NO_RESULT ? site.codes[view.verdict] : "");
    const text = (row, profile) => {
      const view = row.on.get(profile)?.all;
      return view ? site.text(metric, value(view)) || lacks(view) : "";
    };
    const columns = [
      ["case", "name", (row) => row.name, (row) => opml.link(opml.caseAddress({ case: row.name }), opml.short(row.name, 300))],
      ...profiles.map((profile) => [
        profile,
        "number",
        (row) => text(row, profile),
        (row) => (text(row, profile) ? opml.link(row.on.get(profile).address, text(row, profile)) : ""),
      ]),
    ];
    place.replaceChildren();
    opml.addTable(place, "matrix", "Newest result of each case on each device", rows, columns);
  };
  const choices = used.map(([name, title]) => [name, title]);
  content.append(opml.element("div", { class: "tools" }, opml.chooser("metric", "Figure", choices, used[0][0], draw)), place);
  draw(used[0][0]);
  return "Devices";
});
