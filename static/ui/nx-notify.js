// Notices on any page: what failed, finished or was published, as chosen in Settings (cookie nx_notify: "failed.finished").
const chosen = (document.cookie.match(/(?:^|; )nx_notify=([^;]*)/)?.[1] ?? "failed").split(".");
const sorts = { failed: /fail|stalled|red$/, finished: /^(validated|ready|completed|succeeded)$/, published: /^published/ };
const nouns = { version: "Version", publication: "Publication", backtest: "Backtest" };

document.addEventListener("nx:event", ({ detail: event }) => {
  const noun = nouns[event.type?.split(".")[0]];
  const state = String(event.new ?? "");
  const sort = Object.keys(sorts).find((name) => sorts[name].test(state));
  if (!noun || !sort || !chosen.includes(sort)) return;
  const name = event.name || event.dataset || event.object;
  const text = `${noun} ${name}: ${state.replaceAll("_", " ")}${event.reason ? ` (${event.reason})` : ""}`;
  document.dispatchEvent(new CustomEvent("nx:toast", { detail: { text, bad: sort === "failed" } }));
  if (document.hidden && chosen.includes("desktop") && globalThis.Notification?.permission === "granted") {
    new Notification("Trade Nexus", { body: text, tag: event.object });
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-ask-desktop]") && event.target.checked) globalThis.Notification?.requestPermission();
});
