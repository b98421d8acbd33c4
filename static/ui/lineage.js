// <nx-lineage data>: the graph laid out by dagre, from left to right or, where that is too wide, downwards, drawn as SVG with real links. The list below is its twin.
// `+n` is a link to the page around that node; here its answer is added to what is shown, to graph and list alike.
import dagre from "../vendor/@dagrejs/dagre/dagre.esm.js";

const space = "http://www.w3.org/2000/svg";
const [width, height] = [176, 52];
const make = (name, attributes = {}, text) => {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};
const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

class NxLineage extends HTMLElement {
  connectedCallback() {
    this.found = this.graphOf(document);
    this.panel = this.closest("#panel");
    this.onclick = this.more;
    this.list().onclick = this.more;
    this.show();
    this.saving();
  }

  graphOf(page) {
    return JSON.parse(page.getElementById(this.getAttribute("data")).textContent);
  }

  list(page = document) {
    return page.querySelector(".ds-lineage-list");
  }

  more = (event) => {
    const link = event.target.closest("[data-more]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.expand(link.getAttribute("href"), link.getAttribute("data-node"), this.contains(link));
  };

  async expand(address, id, drawn) {
    if (this.busy) return;
    this.busy = true;
    try {
      const answer = await fetch(address, { headers: { "HX-Request": "true" } });
      if (!answer.ok) throw new Error(answer.status);
      this.add(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      location.assign(address); // the page itself says what is wrong
      return;
    } finally {
      this.busy = false;
    }
    history.replaceState(history.state, "", address);
    this.panel.setAttribute("hx-get", address); // what a live refresh asks for
    window.htmx?.process(this.panel);
    (drawn ? this.querySelector(`[data-id="${CSS.escape(id)}"]`) : document.getElementById(id).querySelector("a"))?.focus();
  }

  add(page) {
    const fresh = this.graphOf(page);
    const known = new Map([...this.found.nodes.map((node) => [node.id, { ...node, on_path: false }]), ...fresh.nodes.map((node) => [node.id, node])]);
    const edges = new Map([...this.found.edges, ...fresh.edges].map((edge) => [JSON.stringify([edge.from, edge.to, edge.operation]), edge]));
    const before = this.found.nodes.length;
    this.found = { nodes: [...known.values()], edges: [...edges.values()], focus: fresh.focus };
    for (const node of this.found.nodes) for (const way of ["up", "down"]) node.more[way].hidden = Math.max(0, node.neighbours[way] - this.beside(node.id, way));
    for (const item of [...this.list(page).children]) this.item(document.importNode(item, true));
    for (const node of this.found.nodes) for (const way of ["up", "down"]) this.count(node, way);
    this.show();
    document.querySelector("[data-lineage-said]").textContent = `${this.found.nodes.length - before} more steps are shown`;
  }

  beside(id, way) {
    const [near, far] = way === "up" ? ["to", "from"] : ["from", "to"];
    return new Set(this.found.edges.filter((edge) => edge[near] === id).map((edge) => edge[far])).size;
  }

  item(fresh) {
    const old = document.getElementById(fresh.id);
    if (!old) return this.list().append(fresh);
    const told = new Set([...fresh.querySelectorAll("ul li")].map((line) => line.textContent));
    const kept = [...old.querySelectorAll("ul li")].filter((line) => !told.has(line.textContent));
    const lines = fresh.querySelector("ul") ?? old.querySelector("ul");
    lines?.append(...kept);
    if (lines && !fresh.contains(lines)) fresh.append(lines);
    old.replaceWith(fresh);
  }

  count(node, way) {
    const link = document.getElementById(node.id).querySelector(`[data-more=${way}]`);
    if (!link) return;
    link.hidden = !node.more[way].hidden;
    link.querySelector("span").textContent = node.more[way].hidden.toLocaleString("en");
  }

  show() {
    const across = this.laid("LR");
    const down = across.graph().width > this.clientWidth ? this.laid("TB") : across;
    this.down = down.graph().width < across.graph().width;
    const graph = this.down ? down : across;
    const room = document.createElement("div");
    room.className = "ds-lineage-room";
    room.append(this.draw(graph));
    this.replaceChildren(room);
    const focus = graph.node(this.found.focus);
    if (focus) room.scrollLeft = focus.x - room.clientWidth / 2; // a phone opens at what was asked for
  }

  laid(rankdir) {
    const graph = new dagre.graphlib.Graph({ multigraph: true });
    graph.setGraph({ rankdir, nodesep: 30, ranksep: rankdir === "LR" ? 84 : 36, marginx: 16, marginy: 16 });
    for (const node of this.found.nodes) graph.setNode(node.id, { width, height });
    this.found.edges.forEach((edge, index) => graph.setEdge(edge.from, edge.to, { width: 60, height: 14, labelpos: "c" }, String(index)));
    dagre.layout(graph);
    return graph;
  }

  draw(graph) {
    const { width: wide, height: high } = graph.graph();
    const svg = make("svg", { xmlns: space, viewBox: `0 0 ${wide} ${high}`, width: wide, height: high, class: "ds-lineage", role: "group",
      "aria-label": `Lineage of ${this.found.nodes.length} steps; the list below is the same` });
    const arrow = make("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" });
    arrow.append(make("path", { d: "M0 0 8 4 0 8z", class: "ds-arrow" }));
    svg.append(arrow);
    this.found.edges.forEach((edge, index) => svg.append(...this.edge(graph, edge, index)));
    for (const node of this.found.nodes) {
      const place = graph.node(node.id);
      svg.append(this.node(place, node), ...["up", "down"].filter((way) => node.more[way].hidden && node.more[way].url).map((way) => this.badge(place, node, way)));
    }
    return svg;
  }

  edge(graph, edge, index) {
    const line = graph.edge(edge.from, edge.to, String(index));
    const node = (id) => this.found.nodes.find((one) => one.id === id);
    const failed = node(edge.to)?.state.includes("failed");
    const path = node(edge.from)?.on_path && node(edge.to)?.on_path;
    const drawn = line.points.map((point, at) => `${at ? "L" : "M"}${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join("");
    const label = make("text", this.down ? { x: line.x + 6, y: line.y, class: "ds-edge-word" } : { x: line.x, y: line.y - 5, class: "ds-edge-word", "text-anchor": "middle" }, edge.operation);
    return [make("path", { d: drawn, class: failed ? "ds-edge is-failed" : path ? "ds-edge is-path" : "ds-edge", "marker-end": "url(#arrow)" }), label];
  }

  node(place, node) {
    const group = make(node.url ? "a" : "g", { "data-id": node.id, ...(node.url ? { href: node.url } : {}) });
    const box = { x: place.x - width / 2, y: place.y - height / 2 };
    group.append(make("title", {}, `${node.kind}: ${node.label}${node.note ? `, ${node.note}` : ""}`));
    group.append(make("rect", { ...box, width, height, rx: 6, class: node.id === this.found.focus ? "ds-node is-here" : node.on_path ? "ds-node is-path" : "ds-node" }));
    group.append(make("text", { x: box.x + 10, y: box.y + 16, class: "ds-node-kind" }, node.kind));
    group.append(make("text", { x: box.x + 10, y: box.y + 31, class: "ds-node-name" }, short(node.label, 18)));
    group.append(make("text", { x: box.x + 10, y: box.y + 45, class: "ds-node-note" }, short(node.note, 28)));
    return group;
  }

  badge(place, node, way) {
    const words = `+${node.more[way].hidden.toLocaleString("en")}`;
    const wide = 14 + 7 * words.length;
    const side = way === "up" ? -1 : 1;
    const at = this.down ? { x: place.x, y: place.y + side * (height / 2) } : { x: place.x + width / 2 - wide / 2, y: place.y + (side * height) / 2 }; // the words begin at the left
    const link = make("a", { href: node.more[way].url, class: "ds-badge", "data-more": way, "data-node": node.id, "aria-label": `${words} ${way === "up" ? "above" : "below"} ${node.label}` });
    link.append(make("rect", { x: at.x - wide / 2, y: at.y - 12, width: wide, height: 24, rx: 12 }), make("text", { x: at.x, y: at.y + 4, "text-anchor": "middle" }, words));
    return link;
  }

  saving() {
    const button = document.querySelector("[data-lineage-svg]");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const copy = this.querySelector("svg").cloneNode(true);
      const own = this.querySelectorAll("svg *");
      copy.querySelectorAll("*").forEach((part, index) => {
        const style = getComputedStyle(own[index]);
        for (const name of ["fill", "stroke", "stroke-width", "font-size", "font-weight", "stroke-dasharray"]) part.setAttribute(name, style.getPropertyValue(name));
      });
      copy.setAttribute("font-family", "sans-serif");
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" }));
      link.download = "lineage.svg";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }
}

customElements.define("nx-lineage", NxLineage);
