// One choice of theme for all faces: the cookie that the portals read is told to Unfold before it starts, and told back.
// And boxes that find as one types are named by their labels.
(() => {
  const found = document.cookie.match(/(?:^|; )theme=(light|dark)(?:;|$)/);
  try { localStorage.setItem("adminTheme", JSON.stringify(found ? found[1] : "auto")); } catch { /* a browser that keeps nothing */ }
  new MutationObserver((changes) => changes.flatMap((change) => [...change.addedNodes]).forEach((box) => {
    const label = box.matches?.(".select2-container") && document.querySelector(`label[for="${box.previousElementSibling?.id}"]`);
    if (label) box.querySelectorAll("[role=combobox], [role=textbox]").forEach((part) => part.setAttribute("aria-label", label.textContent.trim()));
  })).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("alpine:initialized", () => window.Alpine.effect(() => {
    const chosen = window.Alpine.$data(document.documentElement).adminTheme;
    const value = chosen === "light" || chosen === "dark" ? chosen : "";
    document.cookie = `theme=${value}; path=/; samesite=lax; max-age=${value ? 31536000 : 0}${location.protocol === "https:" ? "; secure" : ""}`;
  }));
})();
