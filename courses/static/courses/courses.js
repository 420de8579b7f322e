// What the storefront tells of its readers: that a course was seen, for how long, and how far a lesson was followed.
"use strict";
(() => {
  const token = () => document.querySelector("meta[name=csrf-token]")?.content || "";
  const tell = (url, seconds) => {
    const body = new FormData();
    if (seconds !== undefined) body.set("seconds", String(seconds));
    return fetch(url, { method: "POST", body, keepalive: true, headers: { "X-CSRFToken": token() }, credentials: "same-origin" });
  };

  // Seconds during which the page could be seen: a hidden tab is not read.
  let seen = 0, since = document.visibilityState === "visible" ? performance.now() : null;
  const seconds = () => Math.floor((seen + (since === null ? 0 : performance.now() - since)) / 1000);
  const pause = () => { if (since !== null) { seen += performance.now() - since; since = null; } };
  const goOn = () => { if (since === null) since = performance.now(); };

  const page = document.querySelector("[data-view]");
  let told = 0;
  if (page) setTimeout(() => tell(page.dataset.view), 1000);
  const tellStay = () => {
    const now = seconds();
    if (page && now - told >= 5) { tell(page.dataset.stay, now - told); told = now; }
  };

  const lesson = document.querySelector("[data-progress]");
  let kept = 0;
  const keep = () => {
    const now = seconds();
    if (!lesson || now - kept < 5) return;
    kept = now;
    tell(lesson.dataset.progress, Number(lesson.dataset.seconds) + now);
  };
  if (lesson) setInterval(() => { if (document.visibilityState === "visible") keep(); }, 20000);

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") return goOn();
    pause(); tellStay(); keep();
  });
  addEventListener("pagehide", () => { pause(); tellStay(); keep(); });
})();
