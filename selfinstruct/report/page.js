"use strict";
const $ = id => document.getElementById(id), root = document.documentElement;
const HEIGHT = 62, ALL = "";
const NAMES = { kind: "all kinds", source: "all sources and stages", reason: "all reasons and defects", run: "all runs" };
let data, all = [], hits = [], at = -1, ready = false;

function unpacked(id) {
  const text = $(id).textContent, binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  $(id).remove();
  return new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
}

function colour(name) { return getComputedStyle(root).getPropertyValue("--" + name).trim(); }

function dressed(figure) {
  const [ink, soft, line, accent, card] = ["ink", "soft", "line", "accent", "card"].map(colour);
  const ways = [accent, "#d08a2e", "#8c6bb1", "#c2576b", "#5b8bd0", "#7a9a3c"];
  const traces = figure.data.map((one, n) => one.type === "sunburst"
    ? { ...one, marker: { line: { width: 1.5, color: colour("paper") } }, leaf: { opacity: .55 } }
    : one.type === "bar" ? { ...one, marker: { color: accent } } : { ...one, line: { ...one.line, color: ways[n % ways.length] } });
  const axis = given => ({ gridcolor: line, zeroline: false, linecolor: line, automargin: true, ...given });
  const hues = [184, 32, 265, 350, 212, 80, 150, 12, 300, 50].flatMap((hue, n) => [`hsl(${hue} 38% ${n % 2 ? 52 : 44}%)`, `hsl(${hue} 30% 60%)`]);
  const layout = { ...figure.layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", sunburstcolorway: hues, extendsunburstcolors: false,
    font: { family: getComputedStyle(document.body).fontFamily, color: soft, size: 12.5 }, margin: figure.layout.margin || { t: 12, l: 48, r: 8, b: 44 },
    xaxis: axis(figure.layout.xaxis), yaxis: axis(figure.layout.yaxis), showlegend: figure.data.length > 1, legend: { orientation: "h", y: 1.12 },
    hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink } } };
  return [traces, layout];
}

function draw() {
  for (const [id, figure] of Object.entries(data.figures)) if ($(id)) Plotly.react(id, ...dressed(figure), { displayModeBar: false, responsive: true });
  root.dataset.figures = "drawn";
}

async function figures() {
  const script = document.createElement("script");
  script.textContent = await new Response(unpacked("plotly")).text();
  document.head.append(script);
  draw();
}

async function rows() {
  let rest = "";
  const reader = unpacked("rows").pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + part.value).split("\n");
    rest = lines.pop();
    for (const line of lines) all.push(JSON.parse(line));
  }
  if (rest) all.push(JSON.parse(rest));
  ready = true;
  choices("run", data.runs.map((name, n) => [String(n), name]));
  choices("kind", counted(row => [row[1]]));
  choices("source", counted(row => [row[6]]));
  choices("reason", counted(row => [row[7], ...row[10]]));
  $("run").hidden = data.runs.length < 2;
  filter();
}

function counted(values) {
  const counts = new Map();
  for (const row of all) for (const value of values(row)) if (value) counts.set(value, (counts.get(value) || 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([value, n]) => [value, `${value.replaceAll("_", " ")} (${n.toLocaleString("en")})`]);
}

function choices(id, pairs) {
  const option = ([value, text]) => Object.assign(document.createElement("option"), { value, textContent: text });
  $(id).replaceChildren(...[[ALL, NAMES[id]], ...pairs].map(option));
}

function filter() {
  if (!ready) return;
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [run, kind, source, reason] = ["run", "kind", "source", "reason"].map(id => $(id).value);
  hits = all.filter(row => (!run || String(row[0]) === run) && (!kind || row[1] === kind) && (!source || row[6] === source)
    && (!reason || row[7] === reason || row[10].includes(reason))
    && (!words.length || words.every(word => (row.low ??= `${row[3]}\n${row[4]}\n${row[5]}`.toLowerCase()).includes(word))));
  $("count").textContent = `${hits.length.toLocaleString("en")} of ${all.length.toLocaleString("en")}`;
  $("tall").style.height = `${hits.length * HEIGHT}px`;
  $("list").scrollTop = 0;
  choose(hits.length ? 0 : -1);
}

function part(tag, kind, text) { return Object.assign(document.createElement(tag), { className: kind, textContent: text }); }

function roll() {
  const list = $("list"), first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 4), last = Math.min(hits.length, first + Math.ceil(list.clientHeight / HEIGHT) + 9);
  const shown = [];
  for (let n = first; n < last; n++) {
    const row = hits[n], box = part("div", n === at ? "row on" : "row", "");
    box.append(part("div", "", row[3].slice(0, 200)), part("div", "what", [row[2], row[1], row[7].replaceAll("_", " ")].filter(Boolean).join(" · ")));
    box.style.top = `${n * HEIGHT}px`;
    box.onclick = () => choose(n);
    shown.push(box);
  }
  $("tall").replaceChildren(...shown);
}

function choose(n) {
  at = n;
  const row = hits[n], parts = [];
  const add = (title, text) => { if (text) parts.push(part("h4", "", title), part("pre", "", text)); };
  if (row) {
    parts.push(part("pre", "lead", row[3]));
    add("Input", row[4]); add("Output", row[5]);
    if (row[8]) add(`Resembles, ROUGE-L ${row[9]}`, row[8]);
    add("Found", row[10].join(", "));
    add("From", [row[2], row[1], row[6], row[7].replaceAll("_", " "), data.runs[row[0]]].filter(Boolean).join(" · "));
  } else parts.push(part("p", "", "Nothing matches; loosen the search or a filter."));
  $("one").replaceChildren(...parts);
  $("one").scrollTop = 0;
  roll();
}

document.addEventListener("DOMContentLoaded", () => {
  data = JSON.parse($("data").textContent);
  let wait;
  $("search").oninput = () => { clearTimeout(wait); wait = setTimeout(filter, 120); };
  for (const id of ["run", "kind", "source", "reason"]) $(id).onchange = filter;
  $("list").onscroll = roll;
  $("list").onkeydown = event => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !hits[at + step]) return;
    event.preventDefault();
    choose(at + step);
    const top = at * HEIGHT, list = $("list");
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  $("theme").onclick = () => {
    root.dataset.theme = (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
    if (window.Plotly) draw();
  };
  dark.onchange = () => { if (window.Plotly) draw(); };
  requestAnimationFrame(() => setTimeout(async () => { await figures(); await rows(); root.dataset.rows = "read"; }, 0));
});
