
"use strict";
const charts = JSON.parse(document.getElementById("charts").textContent);
const drawn = [...document.querySelectorAll("[data-chart]")].map((node) => {
  const chart = charts[node.dataset.chart];
  return Plotly.newPlot(node, chart.data, chart.layout, { responsive: true, displayModeBar: false });
});
Promise.all(drawn).then(() => { document.documentElement.dataset.drawn = String(drawn.length); });
