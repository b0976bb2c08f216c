/** Symbols of the page's sprite, for what scripts draw. */

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.classList.add("icon");
  svg.setAttribute("width", "16");
  svg.setAttribute("height", "16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  svg.append(document.createElementNS(SVG, "use"));
  return draw(svg, name);
}

/** Let an icon that is already there show another symbol. */
export function draw(svg, name) {
  svg.firstElementChild.setAttribute("href", `#icon-${name}`);
  return svg;
}
