// What is wrong with the page, in sentences. Details are opened first, so that
// nothing is overlooked that a click would show; on paper they must be open by
// themselves.
function audit(ask) {
  const found = [];
  const short = text => JSON.stringify(text.trim().slice(0, 60));
  const texts = () => {
    const all = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.data.trim() && !node.parentElement.closest("style, title")) all.push(node);
    }
    return all;
  };
  const rects = node => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...range.getClientRects()].filter(r => r.width > 0 && r.height > 0);
  };

  const elements = () => {
    const known = "html head meta title style body header main footer section article figure figcaption h1 h2 h3 h4 p dl dt dd div ul ol li " +
      "span strong small code pre del ins time table thead tbody tr th td details summary svg g a rect path text";
    for (const e of document.querySelectorAll("*")) {
      if (!known.split(" ").includes(e.localName)) found.push(`holds a <${e.localName}>`);
      const style = getComputedStyle(e);
      if (style.display === "inline" && e.textContent && !e.closest("svg") && style.unicodeBidi !== "isolate") {
        found.push(`lets its direction turn others: <${e.localName}>`);
      }
      for (const a of e.attributes) {
        const link = (a.name === "href" || a.name === "src") && !/^#step-[a-z0-9_]+$/.test(a.value);
        if (a.name.startsWith("on") || a.name === "style" || link) found.push(`has an attribute ${a.name}: ${a.value}`);
      }
    }
  };

  // Details that are closed show on paper what they hold.
  const printed = () => {
    for (const node of texts()) {
      const e = node.parentElement;
      const meant = !e.closest("summary");
      const shown = e.checkVisibility({contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true, contentVisibilityProperty: true}) && rects(node).length > 0;
      if (meant && !shown) found.push(`not printed: ${short(node.data)}`);
    }
  };

  const layout = () => {
    for (const d of document.querySelectorAll("details")) d.open = true;
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) found.push(`${root.scrollWidth} wide, sticks out`);
    const boxes = [];
    for (const node of texts()) {
      for (const r of rects(node)) boxes.push({node, r});
    }
    if (boxes.length < 10) found.push(`shows ${boxes.length} texts`);
    boxes.sort((a, b) => a.r.top - b.r.top);
    const slack = 1; // the leading of a font may touch that of the next line
    boxes.forEach((a, i) => {
      for (let j = i + 1; j < boxes.length && boxes[j].r.top < a.r.bottom - slack; j++) {
        const b = boxes[j];
        if (a.node !== b.node && a.r.left < b.r.right - slack && b.r.left < a.r.right - slack) {
          found.push(`texts lie on each other: ${short(a.node.data)} and ${short(b.node.data)}`);
        }
      }
      if (a.r.left < 0 || a.r.right > root.clientWidth + slack) found.push(`sticks out of the page: ${short(a.node.data)}`);
    });
    for (const text of document.querySelectorAll("svg text")) {
      const frame = text.parentElement.closest("g")?.querySelector("rect") ?? text.ownerSVGElement;
      const t = text.getBoundingClientRect(), f = frame.getBoundingClientRect();
      if (t.left < f.left || t.right > f.right || t.top < f.top || t.bottom > f.bottom) found.push(`sticks out of its frame: ${short(text.textContent)}`);
    }
  };

  // Contrast as WCAG 2.2 has it: 4.5 to 1 at least.
  const channels = color => color.match(/[\d.]+/g).map(Number);
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * (top[3] ?? 1) + below[i] * (1 - (top[3] ?? 1)));
  const luminance = rgb => {
    const [r, g, b] = rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = e => {
    const layers = [];
    for (; e; e = e.parentElement) {
      const box = e.localName === "g" && e.querySelector(":scope > rect, :scope > a > rect");
      layers.push(box ? getComputedStyle(box).fill : getComputedStyle(e).backgroundColor);
    }
    return layers.reverse().reduce((below, layer) => over(channels(layer), below), [255, 255, 255]);
  };
  const contrast = () => {
    const seen = new Set();
    for (const node of texts()) {
      const e = node.parentElement, style = getComputedStyle(e), below = ground(e);
      const ink = over(channels(e.ownerSVGElement ? style.fill : style.color), below);
      const [hi, lo] = [luminance(ink), luminance(below)].sort((a, b) => b - a);
      const ratio = (hi + 0.05) / (lo + 0.05), what = `${e.localName}.${e.getAttribute("class")}`;
      if (ratio < 4.5 && !seen.has(what)) found.push(`hard to read: ${short(node.data)} (${what}, ${ratio.toFixed(1)} to 1)`);
      if (ratio < 4.5) seen.add(what);
    }
  };

  if (ask.elements) elements();
  if (ask.printed) printed();
  if (ask.contrast) contrast();
  if (ask.layout) layout();
  return found;
}
