// One choice of theme for all faces: the cookie that the portals read is told to Unfold before it starts, and told back.
// Boxes that find as one types are named by their labels, and names of icons are not read aloud.
(() => {
  const found = document.cookie.match(/(?:^|; )theme=(light|dark)(?:;|$)/);
  try { localStorage.setItem("adminTheme", JSON.stringify(found ? found[1] : "auto")); } catch { /* a browser that keeps nothing */ }
  const icons = ".material-symbols-outlined:not([role], [aria-hidden])";
  const named = (box) => {
    const list = box.querySelector('[id^="select2-"][id$="-results"]');
    const asks = list ? list.id.slice(8, -8) : box.previousElementSibling?.id;
    const words = asks && document.querySelector(`label[for="${CSS.escape(asks)}"]`)?.textContent || box.previousElementSibling?.getAttribute("aria-label");
    if (words) box.querySelectorAll("[role=combobox], [role=textbox], [role=searchbox], [role=listbox], .select2-search__field").forEach((part) => { part.removeAttribute("aria-labelledby"); part.setAttribute("aria-label", words.replace("*", "").trim()); });
  };
  const boxes = "input[placeholder]:not([aria-label])";
  const asked = (box) => {
    if (box.labels?.length) return;
    const set = box.closest(":has(> h3)")?.querySelector("h3").textContent.trim();
    box.setAttribute("aria-label", [set, box.placeholder].filter(Boolean).join(": "));
    box.parentElement.querySelector("#searchbar-submit")?.setAttribute("aria-label", box.placeholder);
  };
  new MutationObserver((changes) => changes.flatMap((change) => [...change.addedNodes]).forEach((node) => {
    if (!node.matches) return;
    [node, ...node.querySelectorAll(icons)].forEach((icon) => icon.matches(icons) && icon.setAttribute("aria-hidden", "true"));
    [node, ...node.querySelectorAll(boxes)].forEach((box) => box.matches(boxes) && asked(box));
    [node, ...node.querySelectorAll(".select2-container")].forEach((box) => box.matches(".select2-container") && named(box));
  })).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("alpine:initialized", () => window.Alpine.effect(() => {
    const chosen = window.Alpine.$data(document.documentElement).adminTheme;
    const value = chosen === "light" || chosen === "dark" ? chosen : "";
    document.cookie = `theme=${value}; path=/; samesite=lax; max-age=${value ? 31536000 : 0}${location.protocol === "https:" ? "; secure" : ""}`;
  }));
})();
