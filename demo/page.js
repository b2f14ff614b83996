// Pictures that Gradio shows without an alternative text get one.
const alternatives = {
  "#regions img": "The film with the grid of regions and the score of each; the list beside it says the same",
};
new MutationObserver(() => {
  for (const [place, text] of Object.entries(alternatives))
    for (const image of document.querySelectorAll(place)) if (image.alt !== text) image.alt = text;
  // Whoever has no pointer must be able to scroll a long command.
  for (const code of document.querySelectorAll(".code_wrap pre:not([tabindex])")) {
    code.tabIndex = 0;
    code.setAttribute("role", "region");
    code.setAttribute("aria-label", "Command");
  }
}).observe(document.documentElement, { childList: true, subtree: true });
// On a narrow screen the verdict comes below all inputs: whoever asked for it is led there.
let asked = false;
addEventListener("click", (event) => { if (event.target.closest?.(".example")) asked = true; }, true);
addEventListener("change", (event) => { if (event.target.closest?.("#upload")) asked = true; }, true);
new MutationObserver(() => {
  const verdict = document.querySelector("#verdict section");
  if (!asked || !verdict || innerWidth > 600) return;
  asked = false;
  setTimeout(() => {  // when all parts have found their place
    const place = document.querySelector("#verdict");
    if (place.getBoundingClientRect().top > innerHeight / 3) place.scrollIntoView();
  }, 400);
}).observe(document.documentElement, { childList: true, subtree: true });
// Gradio opens a list with any key, the one that leaves it too; the menu of a table's heading, which
// sorts, opens by pointer only.
document.addEventListener("keydown", (event) => {
  if (event.key === "Tab" && event.target.hasAttribute("aria-expanded")) event.stopPropagation();
  if (event.key === "Enter" && event.target.matches("th.header-cell")) {
    event.preventDefault();
    event.stopPropagation();
    event.target.querySelector(".cell-menu-button").click();
    setTimeout(() => document.querySelector("[role=menuitem]")?.focus(), 100);
  }
}, true);
