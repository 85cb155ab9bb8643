/* The report of a run: its tables and charts, from the data in the page. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const data = JSON.parse(document.getElementById("opml-data").textContent);
  const selections = {};
  const selectionOf = (set) => (set === null ? null : (selections[set] = selections[set] || new opml.Selection()));
  for (const [id, content] of Object.entries(data.tables)) {
    new opml.Table(document.getElementById(id), content, selectionOf(content.set));
  }
  const charts = [];
  for (const [id, chart] of Object.entries(data.charts)) {
    charts.push(new opml.Chart(document.getElementById(id), chart, data.themes, selectionOf(chart.set)));
  }
  opml.drawCharts(charts);
  for (const [id, choices] of Object.entries(data.choices)) opml.offerCharts(id, choices, data.themes);
});

/* Let the reader choose one of several charts by one list or two: a case, and a metric of it. */
opml.offerCharts = function (id, choices, themes) {
  const place = document.getElementById(id);
  const tools = opml.element("div", { class: "tools" });
  const shown = opml.element("div", { class: "chart" });
  let number = 0;
  let drawn = null;
  const selects = choices.labels.map((label, level) => {
    const select = opml.element("select", { id: `${id}-${level}` });
    select.addEventListener("change", show);
    tools.append(opml.element("label", { for: select.id }, `${label} `), select);
    return select;
  });
  const whole = (part) => (part.shared === undefined ? part : choices.shared[part.shared]);
  const withAll = (chart) => {
    const datasets = Object.entries(chart.datasets).map(([name, { rows, columns }]) => {
      const own = Object.entries(columns).map(([field, column]) => [field, whole(column)]);
      return [name, { rows, columns: Object.fromEntries(own) }];
    });
    return { ...chart, spec: whole(chart.spec), datasets: Object.fromEntries(datasets) };
  };
  const unique = (texts) => [...new Set(texts)];
  const fill = (select, texts) => {
    const before = select.value;
    select.replaceChildren(...texts.map((text) => opml.element("option", { value: text }, text)));
    if (texts.includes(before)) select.value = before;
  };
  fill(selects[0], unique(choices.charts.map((one) => one.keys[0])));

  async function show() {
    let left = choices.charts;
    selects.forEach((select, level) => {
      if (level) fill(select, unique(left.map((one) => one.keys[level])));
      left = left.filter((one) => one.keys[level] === select.value);
    });
    const chart = withAll(left[0].chart);
    const next = opml.element("div", { class: "chart" });
    next.id = `${id}-chart-${(number += 1)}`;
    place.querySelector("div.chart").replaceWith(next);
    caption.textContent = chart.title;
    drawn?.close();
    drawn = new opml.Chart(next, chart, themes, null);
    await drawn.embed();
  }

  const caption = opml.element("figcaption");
  place.replaceChildren(tools, opml.element("figure", {}, caption, shown));
  show();
};
