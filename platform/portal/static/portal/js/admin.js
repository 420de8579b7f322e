// One choice of theme for all faces: the cookie that the portals read is told to Unfold before it starts, and told back.
(() => {
  const found = document.cookie.match(/(?:^|; )theme=(light|dark)(?:;|$)/);
  try { localStorage.setItem("adminTheme", JSON.stringify(found ? found[1] : "auto")); } catch { /* a browser that keeps nothing */ }
  document.addEventListener("alpine:initialized", () => window.Alpine.effect(() => {
    const chosen = window.Alpine.$data(document.documentElement).adminTheme;
    const value = chosen === "light" || chosen === "dark" ? chosen : "";
    document.cookie = `theme=${value}; path=/; samesite=lax; max-age=${value ? 31536000 : 0}${location.protocol === "https:" ? "; secure" : ""}`;
  }));
})();
