"use strict";
const at = id => document.getElementById(id);
const points = 60, pace = 2000, most_events = 100;
let token = "", asked = false, before = null, watching = false;
const history = { calls: [], tokens: [] };

// The token comes in the fragment, which no server is sent, and stays in this tab.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem("token", given);
  window.history.replaceState(null, "", location.pathname);
}
token = given || sessionStorage.getItem("token") || "";

const headers = () => token ? { Authorization: "Bearer " + token } : {};
async function post(path, body) {
  return fetch(path, { method: "POST", body: JSON.stringify(body),
    headers: { ...headers(), "Content-Type": "application/json" } });
}
async function call(method, params) {
  const said = await post("/rpc/" + method, params);
  const value = await said.json();
  if (!said.ok) throw new Error(value.error.message);
  return value;
}

const units = ["B", "KiB", "MiB", "GiB", "TiB"];
function bytes(count) {
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; ++unit) count /= 1024;
  return count.toFixed(unit ? 1 : 0) + " " + units[unit];
}
function seconds(time) {
  if (time === null) return "in use";
  if (time < 60) return Math.round(time) + " s";
  if (time < 3600) return Math.round(time / 60) + " min";
  return (time / 3600).toFixed(1) + " h";
}
function element(name, text, also) {
  const made = document.createElement(name);
  made.textContent = text;
  return Object.assign(made, also);
}

function show_status(word) {
  at("status").textContent = word;
  at("status").className = "badge " + word;
}
function draw(name, value) {
  const all = history[name];
  all.push(value);
  if (all.length > points) all.shift();
  const top = Math.max(1e-9, ...all);
  const line = all.map((each, i) => (i + points - all.length) * 120 / (points - 1) + "," +
    (31 - 30 * each / top));
  at(name).querySelector("polyline").setAttribute("points", line.join(" "));
  at(name + "-now").textContent = value.toFixed(value < 10 ? 1 : 0);
}
function show_rates(stats) {
  const now = { time: stats.uptime_seconds, calls: stats.run_seconds_count,
    tokens: stats.tokens_in_total + stats.tokens_out_total };
  const passed = before && now.time > before.time ? now.time - before.time : 0;
  for (const name of ["calls", "tokens"])
    draw(name, passed ? Math.max(0, (now[name] - before[name]) / passed) : 0);
  before = now;
}
function show_memory(health, stats) {
  const limit = stats.max_loaded_bytes, used = stats.charged_bytes;
  at("memory").max = limit || Math.max(used, 1);
  at("memory").value = used;
  at("memory-text").textContent = bytes(used) + (limit ? " of " + bytes(limit) : ", no limit") +
    "; " + stats.loaded_models + " of at most " + health.max_loaded_models + " models";
}

async function act(button, method, params, said) {
  button.disabled = true;
  at("done").textContent = said + " …";
  try {
    await call(method, params);
    at("done").textContent = said + ": done";
  } catch (why) {
    at("done").textContent = said + ": " + why.message;
  }
  button.disabled = false;
  look();
}
function button(text, name, method, key) {
  const made = element("button", text, { type: "button" });
  made.setAttribute("aria-label", text + " " + name);
  made.dataset.what = method + " " + key;
  made.addEventListener("click", () => act(made, method, { key }, text + " " + name));
  return made;
}
function row_of(model, name) {
  const row = element("tr", "");
  const cell = (called, text, also) => {
    const made = element("td", text, also);
    if (called) made.dataset.name = called;
    row.append(made);
    return made;
  };
  cell("", name, { title: model.key });
  cell("State", model.state + (model.pinned ? ", pinned" : ""), { className: model.state });
  cell("Size", model.bytes ? bytes(model.bytes) : "about " + bytes(model.estimated_bytes));
  cell("Calls", model.calls + (model.running ? ", " + model.running + " under way" : ""));
  cell("Idle", model.state === "ready" ? seconds(model.idle_seconds) : "–");
  const last = cell("", "");
  if (model.state === "ready")
    last.append(button("Unload", name, "unload", model.key),
      model.pinned ? button("Unpin", name, "unpin", model.key)
                   : button("Pin", name, "pin", model.key));
  return row;
}
function name_of(model, names) {
  const named = names.find(each => each.key === model.key);
  return named ? named.name
    : model.model.base + (model.model.adapter ? " + " + model.model.adapter : "");
}
function show_models(health, { models, names }) {
  const focused = document.activeElement && document.activeElement.dataset.what;
  at("models").replaceChildren(...models.map(each => row_of(each, name_of(each, names))));
  if (!models.length) {
    const none = element("td", "none is loaded");
    none.colSpan = 6;
    at("models").append(element("tr", ""));
    at("models").lastChild.append(none);
  }
  if (focused)
    for (const each of at("models").querySelectorAll("button"))
      if (each.dataset.what === focused) each.focus();
  at("names").replaceChildren(...names.map(each => element("option", "", { value: each.name })));
  const waiting = models.reduce((sum, each) => sum + each.waiters, 0);
  at("line").textContent = waiting
    ? waiting + " requests wait for a model, the first for " + seconds(health.oldest_waiter_seconds)
    : "Nobody waits for room.";
}

function show_event(what) {
  const when = new Date(what.time * 1000).toLocaleTimeString();
  const moved = what.type === "state" ? (what.from || "none") + " → " + (what.to || "none") : "";
  const text = [when, what.type, moved, what.key, what.reason || what.message || what.count];
  at("events").prepend(element("li", text.filter(each => each).join("  ")));
  while (at("events").children.length > most_events) at("events").lastChild.remove();
}
async function watch() {
  if (watching) return;
  watching = true;
  try {
    const said = await fetch("/events", { headers: headers() });
    const from = said.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let next; said.ok && !(next = await from.read()).done;) {
      text += next.value;
      for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2))
        show_event(JSON.parse(text.slice("data: ".length, end)));
    }
  } catch { /* the next look begins again */ }
  watching = false;
}

async function look() {
  if (asked) return;
  asked = true;
  try {
    const ask = (method, id) => ({ jsonrpc: "2.0", id, method });
    const said = await post("/rpc", ["health", "stats", "models"].map(ask));
    at("ask").hidden = said.status !== 401;
    at("all").hidden = !said.ok;
    if (said.status === 401) {
      show_status("locked");
      if (token) at("about").textContent = "This is not the daemon's token.";
    } else {
      const all = (await said.json()).sort((a, b) => a.id - b.id).map(each => each.result);
      const [health, stats, models] = all;
      show_status(health.status);
      at("about").textContent = health.version + ", up " + seconds(health.uptime_seconds);
      at("reasons").hidden = !health.reasons.length;
      at("reasons").textContent = health.reasons.join(" ");
      show_memory(health, stats);
      show_rates(stats);
      show_models(health, models);
      watch();
    }
  } catch {
    show_status("unreachable");
  }
  asked = false;
}

at("ask").addEventListener("submit", event => {
  event.preventDefault();
  token = at("token").value.trim();
  sessionStorage.setItem("token", token);
  look();
});
at("load").addEventListener("submit", event => {
  event.preventDefault();
  const name = at("name").value.trim();
  act(event.submitter, "load", { model: name }, "Load " + name);
});
setInterval(() => { if (!document.hidden) look(); }, pace);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
look();
