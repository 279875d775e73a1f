"use strict";
// Whatever a model wrote is only ever shown by textContent; nothing here builds markup out of text.
const $ = id => document.getElementById(id), root = document.documentElement;
const HEIGHT = 62, ALL = "", FILTERS = ["run", "kind", "source", "reason", "score"];
const NAMES = { kind: "all kinds", source: "all sources and stages", reason: "all reasons and defects", run: "all runs", score: "all scores" };
let data, all = [], hits = [], at = -1, ready = false;

function unpacked(id) {
  const text = $(id).textContent, binary = atob(text), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  $(id).remove();
  return new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
}

// Figures

function colour(name) { return getComputedStyle(root).getPropertyValue("--" + name).trim(); }
function isDark() { return getComputedStyle(root).getPropertyValue("--is-dark").trim() === "1"; }

const HUES = [184, 32, 265, 350, 212, 80, 150, 12, 300, 50];

function wedges(trace) {
  // Text on every wedge keeps a contrast of 4.5: a deep tone below pale letters, or a pale one below dark letters.
  const dark = isDark(), verbs = trace.ids.filter((id, n) => !trace.parents[n]);
  const [inner, outer] = dark ? ["40% 72%", "26% 26%"] : ["42% 33%", "38% 83%"];
  const [letters, outerLetters] = dark ? ["#141517", "#f2f1ee"] : ["#fff", "#1d1c1a"];
  const hue = n => HUES[verbs.indexOf(trace.parents[n] || trace.ids[n]) % HUES.length];
  return { ...trace, leaf: { opacity: 1 }, insidetextfont: { color: trace.parents.map(parent => parent ? outerLetters : letters) },
    marker: { colors: trace.ids.map((id, n) => `hsl(${hue(n)} ${trace.parents[n] ? outer : inner})`), line: { width: 1.5, color: colour("paper") } } };
}

function dressed(figure) {
  const [ink, soft, line, accent, card] = ["ink", "soft", "line", "accent", "card"].map(colour);
  const ways = [accent, ...(isDark() ? ["#e0a458", "#b39ddb", "#e08a9b", "#8ab4e8", "#b5cf6b"] : ["#b26a12", "#7a55a3", "#b3405a", "#3f6fb0", "#5f7f22"])];
  const traces = figure.data.map((one, n) => one.type === "sunburst" ? wedges(one)
    : one.type === "bar" ? { ...one, marker: { color: ways[n % ways.length] } } : { ...one, line: { ...one.line, color: ways[n % ways.length] }, marker: { ...one.marker, color: ways[n % ways.length] } });
  const axis = given => ({ gridcolor: line, zeroline: false, linecolor: line, automargin: true, ...given });
  const layout = { ...figure.layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, color: soft, size: 12.5 }, margin: figure.layout.margin || { t: 12, l: 48, r: 12, b: 44 },
    xaxis: axis(figure.layout.xaxis), yaxis: axis(figure.layout.yaxis), showlegend: figure.data.length > 1, legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
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

// Every candidate

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
  choices("reason", counted(row => [row[7], ...slugs(row)]));
  choices("score", counted(row => [score(row)]).sort((a, b) => b[0] - a[0]));
  $("run").hidden = data.runs.length < 2;
  $("score").hidden = !data.judged;
  filter();
}

function slugs(row) { return new Set(row[10].map(one => one[0])); }
function score(row) { return row[11] && row[11][0] !== null ? String(row[11][0]) : ""; }
function spaced(text) { return text.replaceAll("_", " "); }

function counted(values) {
  const counts = new Map();
  for (const row of all) for (const value of values(row)) if (value) counts.set(value, (counts.get(value) || 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([value, n]) => [value, `${spaced(value).slice(0, 60)} (${n.toLocaleString("en")})`]);
}

function choices(id, pairs) {
  const option = ([value, text]) => Object.assign(document.createElement("option"), { value, textContent: text });
  $(id).replaceChildren(...[[ALL, NAMES[id]], ...pairs].map(option));
}

function filter() {
  if (!ready) return;
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [run, kind, source, reason, judged] = FILTERS.map(id => $(id).value);
  hits = all.filter(row => (!run || String(row[0]) === run) && (!kind || row[1] === kind) && (!source || row[6] === source)
    && (!reason || row[7] === reason || slugs(row).has(reason)) && (!judged || score(row) === judged)
    && (!words.length || words.every(word => (row.low ??= `${row[3]}\n${row[4]}\n${row[5]}\n${row[12] || ""}`.toLowerCase()).includes(word))));
  $("count").textContent = `${hits.length.toLocaleString("en")} of ${all.length.toLocaleString("en")}`;
  $("tall").style.height = `${hits.length * HEIGHT}px`;
  $("list").scrollTop = 0;
  choose(hits.length ? 0 : -1);
}

function narrow(given) {
  $("search").value = "";
  for (const id of FILTERS) $(id).value = given[id] || ALL;
  if (data.runs.length < 2) $("run").value = ALL;
  filter();
  $("browser").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  $("list").focus({ preventScroll: true });
}

function part(tag, kind, text) {
  const made = Object.assign(document.createElement(tag), { className: kind, textContent: text });
  if (text) made.dir = "auto";
  return made;
}

function roll() {
  const list = $("list"), first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - 4), last = Math.min(hits.length, first + Math.ceil(list.clientHeight / HEIGHT) + 9);
  const shown = [];
  for (let n = first; n < last; n++) {
    const row = hits[n], box = part("div", n === at ? "row on" : "row", ""), judged = score(row) && `score ${score(row)}`;
    box.append(part("div", "", row[3].slice(0, 200) || "(empty)"), part("div", "what", [row[2].slice(0, 60), row[1], spaced(row[7]), ...[...slugs(row)].map(spaced), judged].filter(Boolean).join(" · ")));
    box.style.top = `${n * HEIGHT}px`;
    box.id = `row-${n}`;
    box.setAttribute("role", "option");
    box.setAttribute("aria-selected", n === at);
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
    add("Before", row[12]);
    parts.push(part("pre", "lead", row[3] || "(empty)"));
    add("Input", row[4]); add("Output", row[5]);
    if (row[8]) add(`Resembles, ROUGE-L ${row[9]}`, row[8]);
    add("Found", row[10].map(([slug, field, evidence]) => [spaced(slug), field && `in the ${field}`, evidence && `\u2013 ${evidence}`].filter(Boolean).join(" ")).join("\n"));
    if (row[11]) add(score(row) ? `Judged ${score(row)} of 5` : "Judged", [row[11][1], row[11][2]].filter(Boolean).join("\n"));
    add("From", [row[2], row[1], row[6], spaced(row[7]), data.runs[row[0]]].filter(Boolean).join(" · "));
  } else parts.push(part("p", "", all.length ? "Nothing matches; loosen the search or a filter." : "The run holds no candidate yet."));
  $("one").replaceChildren(...parts);
  $("one").scrollTop = 0;
  roll();
  if (row) $("list").setAttribute("aria-activedescendant", `row-${n}`); else $("list").removeAttribute("aria-activedescendant");
}

function move(event) {
  const page = Math.max(1, Math.floor($("list").clientHeight / HEIGHT) - 1);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: hits.length - 1 }[event.key];
  if (to === undefined || !hits.length) return;
  event.preventDefault();
  choose(Math.min(Math.max(to, 0), hits.length - 1));
  const top = at * HEIGHT, list = $("list");
  if (top < list.scrollTop) list.scrollTop = top;
  if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
  roll();
}

document.addEventListener("DOMContentLoaded", () => {
  data = JSON.parse($("data").textContent);
  let wait;
  $("search").oninput = () => { clearTimeout(wait); wait = setTimeout(filter, 120); };
  for (const id of FILTERS) $(id).onchange = filter;
  $("list").onscroll = roll;
  $("list").onkeydown = move;
  new ResizeObserver(roll).observe($("list"));
  for (const one of document.querySelectorAll("[data-reason]")) one.onclick = () => narrow(one.dataset);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  $("theme").onclick = () => {
    root.dataset.theme = (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
    if (window.Plotly) draw();
  };
  dark.onchange = () => { if (window.Plotly) draw(); };
  const begin = async () => {
    if (!window.DecompressionStream) { $("count").textContent = "this browser is too old to unpack the candidates"; return; }
    await figures();
    await new Promise(done => setTimeout(done, 0));
    await rows();
    root.dataset.rows = "read";
  };
  requestAnimationFrame(() => setTimeout(begin, 0));
});
