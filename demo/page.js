// Pictures that Gradio shows without an alternative text get one.
const alternatives = {
  "#regions img": "The film with the grid of regions and the score of each; the list beside it says the same",
  "#slider img": "The film, and how the model rebuilds it from remembered normals",
};
new MutationObserver(() => {
  for (const [place, text] of Object.entries(alternatives))
    for (const image of document.querySelectorAll(place)) if (image.alt !== text) image.alt = text;
}).observe(document.documentElement, { childList: true, subtree: true });
