// The film at full size: OpenSeadragon zooms and moves it, an SVG filter sets window and level, the
// map lies over it. The file is sent once more, by a number, and the server forgets it at once.
(() => {
  let viewer = null;
  const ask = (place) => document.querySelector(place);
  const library = () => window.OpenSeadragon ? Promise.resolve() : new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "viewer/openseadragon.min.js";
    script.onload = done;
    script.onerror = failed;
    document.head.append(script);
  });
  const range = (id, text, min, max, value, keys) => `<label>${text} <input type="range" id="${id}"
    min="${min}" max="${max}" value="${value}" aria-label="${text}${keys ? `, keys ${keys}` : ""}"></label>`;
  const button = (id, text, name) => `<button type="button" id="${id}" aria-label="${name}" title="${name}">${text}</button>`;
  const build = () => {
    const dialog = document.createElement("dialog");
    dialog.id = "viewer";
    dialog.setAttribute("aria-label", "Film at full size");
    dialog.innerHTML = `<div class="viewer-bar">${button("viewer-in", "+", "Zoom in, key +")}
      ${button("viewer-out", "−", "Zoom out, key −")}${button("viewer-fit", "Fit", "Whole film, key 0")}
      ${button("viewer-one", "1:1", "One pixel of the film to one of the screen, key 1")}
      ${range("viewer-window", "Window", 2, 100, 100, "[ and ]")}${range("viewer-level", "Level", 0, 100, 50, "comma and full stop")}
      ${range("viewer-opacity", "Map", 0, 100, 70, "m")}${button("viewer-invert", "Invert", "Invert, key i")}
      ${button("viewer-reset", "Reset", "Window, level and place as at first, key 0")}
      <span id="viewer-size" role="status"></span>${button("viewer-close", "Close", "Close, key Escape")}</div>
      <div id="viewer-film"></div><svg width="0" height="0" aria-hidden="true"><filter id="viewer-filter"
      color-interpolation-filters="sRGB"><feComponentTransfer><feFuncR type="linear"/><feFuncG type="linear"/>
      <feFuncB type="linear"/></feComponentTransfer></filter></svg>`;
    document.body.append(dialog);
    const set = (id, change) => {
      const input = ask(`#${id}`);
      input.value = change(Number(input.value));
      look();
    };
    let inverted = false;
    const look = () => {
      const wide = ask("#viewer-window").value / 100, middle = ask("#viewer-level").value / 100;
      let slope = 1 / wide, start = 0.5 - middle / wide;
      if (inverted) [slope, start] = [-slope, 1 - start];
      for (const each of dialog.querySelectorAll("feComponentTransfer > *")) {
        each.setAttribute("slope", slope);
        each.setAttribute("intercept", start);
      }
      const map = ask("#viewer-map");
      if (map) map.style.opacity = ask("#viewer-opacity").value / 100;
    };
    const reset = () => {
      inverted = false;
      ask("#viewer-window").value = 100;
      ask("#viewer-level").value = 50;
      look();
      viewer.viewport.goHome();
    };
    const zoom = (by) => viewer.viewport.zoomBy(by).applyConstraints();
    const one = () => viewer.viewport.zoomTo(viewer.viewport.imageToViewportZoom(1));
    const invert = () => { inverted = !inverted; look(); };
    let shown = 70;
    const map = () => set("viewer-opacity", (value) => { if (value) shown = value; return value ? 0 : shown; });
    const acts = { "viewer-in": () => zoom(1.4), "viewer-out": () => zoom(1 / 1.4), "viewer-fit": () => viewer.viewport.goHome(),
      "viewer-one": one, "viewer-invert": invert, "viewer-reset": reset, "viewer-close": () => dialog.close() };
    for (const [id, act] of Object.entries(acts)) ask(`#${id}`).onclick = act;
    for (const id of ["viewer-window", "viewer-level", "viewer-opacity"]) ask(`#${id}`).oninput = look;
    const keys = { "[": () => set("viewer-window", (v) => v - 4), "]": () => set("viewer-window", (v) => v + 4),
      ",": () => set("viewer-level", (v) => v - 3), ".": () => set("viewer-level", (v) => v + 3), m: map, i: invert,
      "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), "0": reset, "1": one };
    dialog.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      event.stopPropagation();
      keys[event.key]();
    }, true);
    dialog.addEventListener("close", () => { viewer?.destroy(); viewer = null; });
    dialog.look = look;
    return dialog;
  };
  const open = async (film, map, place) => {
    await library();
    const dialog = ask("#viewer") || build();
    viewer?.destroy();
    const faded = Boolean(ask("#map .unjudged"));  // no verdict stands behind the map
    ask("#viewer-opacity").value = faded ? 30 : 70;
    dialog.showModal();
    viewer = OpenSeadragon({ element: ask("#viewer-film"), tileSources: { type: "image", url: film }, drawer: "canvas",
      showNavigationControl: false, maxZoomPixelRatio: 16, minZoomImageRatio: 0.5, animationTime: 0.25, imageSmoothingEnabled: false,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true } });
    window.filmViewer = viewer;
    viewer.addHandler("open", () => {
      const size = viewer.world.getItemAt(0).getContentSize(), picture = new Image();
      viewer.drawer.canvas.style.filter = "url(#viewer-filter)";
      picture.id = "viewer-map";
      picture.alt = "";
      picture.src = map;
      viewer.addOverlay({ element: picture, location: new OpenSeadragon.Rect(...place) });
      ask("#viewer-size").textContent = `${size.x} x ${size.y} px${faded ? ", no verdict stands behind the map" : ""}`;
      viewer.canvas.setAttribute("role", "application");
      viewer.canvas.setAttribute("aria-label", "Film; arrows move it, plus and minus zoom");
      viewer.canvas.focus();
      dialog.look();
    });
  };
  document.addEventListener("click", (event) => {
    const wish = event.target.closest?.(".full-open");
    if (!wish) return;
    const file = window.fileOf(Number(ask("#verdict section")?.dataset.film));
    const input = ask("#full-upload input[type=file]");
    if (file && input) {
      const sent = new DataTransfer();
      sent.items.add(file);
      input.files = sent.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
      wish.setAttribute("aria-busy", "true");
      return;
    }
    const stack = ask("#map .stack");  // an example has no file
    const film = stack.querySelector(".film"), ratio = film.naturalHeight / film.naturalWidth;
    open(film.src, stack.querySelector(".map-layer").src, [0, 0, 1, ratio]);
  });
  new MutationObserver(() => {
    const come = ask("#full-data .full-picture:not([data-opened])");
    if (!come) return;
    come.dataset.opened = "1";
    ask(".full-open")?.removeAttribute("aria-busy");
    open(come.querySelector(".full-film").src, come.querySelector(".full-map").src, JSON.parse(come.dataset.place));
  }).observe(document.documentElement, { childList: true, subtree: true });

  // The threshold slider: how many normals would be called unusual at another threshold.
  document.addEventListener("input", (event) => {
    const input = event.target;
    if (!input.matches?.(".try-threshold input")) return;
    const figure = input.closest(".normals"), data = figure.dataset, value = Number(input.value);
    const normals = JSON.parse(data.normals), above = normals.filter((each) => each > value).length;
    for (const plot of figure.querySelectorAll("svg")) {
      const x = Number(plot.dataset.left) + (value - data.low) / (data.high - data.low) * plot.dataset.width;
      const mark = plot.querySelector(".threshold"), line = mark.querySelector("line"), text = mark.querySelector("text");
      const right = x > plot.dataset.width / 2;
      for (const end of ["x1", "x2"]) line.setAttribute(end, x);
      text.setAttribute("x", x + (right ? -6 : 6));
      text.setAttribute("text-anchor", right ? "end" : "start");
      text.textContent = `threshold ${value.toFixed(2)}`;
    }
    figure.querySelector("output").textContent = `At ${value.toFixed(2)}, ${above} of ${normals.length} calibration normals `
      + `(${(100 * above / normals.length).toFixed(1)} %) would be called unusual by mistake, and this film would `
      + `${Number(data.score) > value ? "be" : "not be"}.`;
  });
})();
