// Names of films stay in this browser: what is sent has a number in place of its name, and a mark
// drawn by chance for all films of one drop, by which answers find the names that are theirs. The
// names are written into the table here; the files stay at hand until others are answered.
(() => {
  const drops = new Map();  // of each mark the files, oldest first
  let drop = "", files = [];
  const UPLOADS = "#upload, #own-upload, #full-upload";

  const nameless = (file, number, mark) => {
    const ending = /\.[a-z0-9]{2,5}$/i.exec(file.name);
    const name = `film-${number + 1}-${mark}${ending ? ending[0].toLowerCase() : ""}`;
    return new File([file], name, { type: file.type });
  };
  const handOver = (input, chosen) => {
    const sent = new DataTransfer(), drawn = crypto.getRandomValues(new Uint8Array(6));
    const mark = [...drawn].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    chosen.forEach((file, number) => sent.items.add(nameless(file, number, mark)));
    if (input.closest("#upload")) drops.set(mark, chosen);
    input.files = sent.files;
  };
  document.addEventListener("change", (event) => {
    const input = event.target;
    if (!input.matches?.("input[type=file]") || !input.closest(UPLOADS)) return;
    if (input.dataset.handedOver) delete input.dataset.handedOver;
    else handOver(input, [...input.files]);
  }, true);
  document.addEventListener("drop", (event) => {
    const zone = event.target.closest?.(UPLOADS);
    if (!zone) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    event.target.dispatchEvent(new DragEvent("dragleave", { bubbles: true }));
    const input = zone.querySelector("input[type=file]"), chosen = [...event.dataTransfer.files];
    if (!input || !chosen.length) return;
    handOver(input, chosen);
    input.dataset.handedOver = "1";
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, true);

  // The end of a name tells films apart, so the middle goes. The whole name is the cell's title.
  const LONGEST = 22, END = 12;
  const shortened = (name) => name.length <= LONGEST ? name
    : `${name.slice(0, LONGEST - END - 1)}…${name.slice(-END)}`;

  window.fileOf = (number) => files[number - 1];
  const label = () => {
    const section = document.querySelector("#verdict section[data-drop]");
    if (section && section.dataset.drop !== drop) {
      drop = section.dataset.drop;
      files = drops.get(drop) || [];
      for (const mark of drops.has(drop) ? [...drops.keys()] : []) {
        if (mark === drop) break;
        drops.delete(mark);  // answered, or never will be
      }
    }
    for (const place of document.querySelectorAll("[data-name]")) {
      const name = files[Number(place.dataset.name) - 1]?.name || "";
      if (place.title === name) continue;
      place.title = name;
      place.textContent = place.matches("td") ? shortened(name) : name;
    }
  };
  new MutationObserver(label).observe(document.documentElement, { childList: true, subtree: true });

  // The server's CSV has a number for each film and no name: names are written in as it is saved.
  // A spreadsheet would compute a name that begins so: simsid/cells.py does the same.
  const asPath = (name) => /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(name) ? `./${name}` : name;
  const named = (csv) => {
    let quoted = false;  // a message may hold a line break
    return csv.split("\n").map((line) => {
      const begins = !quoted;
      if ((line.match(/"/g) || []).length % 2) quoted = !quoted;
      return !begins ? line : line.replace(/^(\d+),,/, (whole, number) => {
        const name = files[number - 1]?.name;
        return name ? `${number},"${asPath(name).replaceAll('"', '""')}",` : whole;
      });
    }).join("\n");
  };
  const nameCsv = (event) => {
    const link = event.target.closest?.("a[download='scores.csv']");
    if (!link || link.dataset.named || !files.length) return;
    const bytes = Uint8Array.from(atob(link.href.split("base64,")[1]), (sign) => sign.charCodeAt(0));
    const csv = named(new TextDecoder().decode(bytes));
    link.href = `data:text/csv;charset=utf-8,${encodeURIComponent(csv)}`;
    link.dataset.named = "1";
  };
  document.addEventListener("click", nameCsv, true);
  document.addEventListener("contextmenu", nameCsv, true);

  // The table of films: a heading sorts, the list above it filters.
  const value = (row, column) => {
    const cell = row.cells[column], kept = cell.dataset.value;
    if (cell.dataset.name) return cell.title.toLowerCase();
    if (kept === undefined) return cell.textContent.trim().toLowerCase();
    return kept === "" ? null : Number(kept);
  };
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
  };
  document.addEventListener("click", (event) => {
    const head = event.target.closest?.(".films thead th");
    if (!head) return;
    const falling = head.getAttribute("aria-sort") === "ascending";
    for (const each of head.parentNode.cells) each.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0], column = head.cellIndex;
    const rows = [...body.rows].map((row) => [value(row, column), row]);
    rows.sort(([a], [b]) => (falling && a !== null && b !== null ? -1 : 1) * compare(a, b));
    body.append(...rows.map(([, row]) => row));
  });
  document.addEventListener("change", (event) => {
    if (!event.target.matches?.(".films .filter select")) return;
    const wanted = event.target.value;
    for (const row of event.target.closest(".films").querySelectorAll("tbody tr"))
      row.hidden = Boolean(wanted) && row.dataset.verdict !== wanted;
  });
})();
