// <nx-lineage data>: the graph laid out by dagre, from left to right or, where that is too wide, downwards, drawn as SVG with real links. The list below is its twin.
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
    this.found = JSON.parse(document.getElementById(this.getAttribute("data")).textContent);
    const across = this.laid("LR");
    const down = across.graph().width > this.clientWidth ? this.laid("TB") : across;
    this.down = down.graph().width < across.graph().width;
    const graph = this.down ? down : across;
    const room = document.createElement("div");
    room.className = "ds-lineage-room";
    room.append(this.draw(graph));
    this.replaceChildren(room);
    this.saving();
  }

  laid(rankdir) {
    const graph = new dagre.graphlib.Graph({ multigraph: true });
    graph.setGraph({ rankdir, nodesep: 18, ranksep: rankdir === "LR" ? 84 : 36, marginx: 8, marginy: 8 });
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
    for (const node of this.found.nodes) svg.append(this.node(graph.node(node.id), node));
    return svg;
  }

  edge(graph, edge, index) {
    const line = graph.edge(edge.from, edge.to, String(index));
    const failed = this.found.nodes.find((node) => node.id === edge.to)?.state.includes("failed");
    const path = line.points.map((point, at) => `${at ? "L" : "M"}${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join("");
    const label = make("text", this.down ? { x: line.x + 6, y: line.y, class: "ds-edge-word" } : { x: line.x, y: line.y - 5, class: "ds-edge-word", "text-anchor": "middle" }, edge.operation);
    return [make("path", { d: path, class: failed ? "ds-edge is-failed" : "ds-edge", "marker-end": "url(#arrow)" }), label];
  }

  node(place, node) {
    const group = make(node.url ? "a" : "g", node.url ? { href: node.url } : {});
    const box = { x: place.x - width / 2, y: place.y - height / 2 };
    group.append(make("title", {}, `${node.kind}: ${node.label}${node.note ? `, ${node.note}` : ""}`));
    group.append(make("rect", { ...box, width, height, rx: 6, class: node.id === this.found.focus ? "ds-node is-here" : "ds-node" }));
    group.append(make("text", { x: box.x + 10, y: box.y + 16, class: "ds-node-kind" }, node.kind));
    group.append(make("text", { x: box.x + 10, y: box.y + 31, class: "ds-node-name" }, short(node.label, 18)));
    group.append(make("text", { x: box.x + 10, y: box.y + 45, class: "ds-node-note" }, short(node.note, 28)));
    return group;
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
