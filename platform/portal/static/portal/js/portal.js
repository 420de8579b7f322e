// What the pages need beyond HTML: theme, menus, dialogs, switches of view, copying, toasts, keys. No inline code, no eval.
"use strict";
(() => {
  const root = document.documentElement;
  const $$ = (sel, from = document) => Array.from(from.querySelectorAll(sel));
  const on = (type, sel, fn, opts) => document.addEventListener(type, (e) => {
    const hit = e.target instanceof Element && e.target.closest(sel);
    if (hit) fn(hit, e);
  }, opts);

  // theme: kept in a cookie so that the server draws the first frame right
  const pressTheme = () => $$("[data-theme-set]").forEach((b) => b.setAttribute(b.getAttribute("role") === "menuitemradio" ? "aria-checked" : "aria-pressed", String((b.dataset.themeSet || "") === (root.dataset.theme || ""))));
  on("click", "[data-theme-set]", (b) => {
    const value = b.dataset.themeSet;
    if (value) root.dataset.theme = value; else delete root.dataset.theme;
    document.cookie = `theme=${value}; path=/; samesite=lax; max-age=${value ? 31536000 : 0}${location.protocol === "https:" ? "; secure" : ""}`;
    pressTheme();
    document.dispatchEvent(new CustomEvent("portal:theme", { detail: value }));
  });

  // seg: Chart / Table and other switches inside one figure
  on("click", ".seg [data-show]", (b) => {
    const fig = b.closest(".figure");
    $$(".seg [data-show]", fig).forEach((o) => o.setAttribute("aria-pressed", String(o === b)));
    $$("[data-view]", fig).forEach((v) => { v.hidden = v.dataset.view !== b.dataset.show; });
  });
  on("keydown", ".seg > *", (b, e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    const all = $$(":scope > *", b.parentElement);
    all[(all.indexOf(b) + step + all.length) % all.length].focus();
    e.preventDefault();
  });

  // menus: button[aria-haspopup=menu] before its list
  const closeMenu = (btn, back) => {
    btn.setAttribute("aria-expanded", "false");
    document.getElementById(btn.getAttribute("aria-controls")).hidden = true;
    if (back) btn.focus();
  };
  const openMenus = () => $$("[data-menu][aria-expanded=true]");
  const items = (list) => $$("[role^=menuitem]:not([disabled])", list);
  const openMenu = (btn, last) => {
    openMenus().forEach((b) => closeMenu(b));
    const list = document.getElementById(btn.getAttribute("aria-controls"));
    list.hidden = false;
    btn.setAttribute("aria-expanded", "true");
    const all = items(list);
    (all[last ? all.length - 1 : 0] || list).focus();
  };
  on("click", "[data-menu]", (b) => (b.getAttribute("aria-expanded") === "true" ? closeMenu(b) : openMenu(b)));
  on("keydown", "[data-menu]", (b, e) => {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { openMenu(b, e.key === "ArrowUp"); e.preventDefault(); }
  });
  document.addEventListener("click", (e) => openMenus().forEach((b) => { if (!b.parentElement.contains(e.target)) closeMenu(b); }));
  on("keydown", "[role=menu]", (list, e) => {
    const all = items(list), at = all.indexOf(document.activeElement);
    const btn = document.querySelector(`[aria-controls="${list.id}"]`);
    const go = (n) => { all[(n + all.length) % all.length].focus(); e.preventDefault(); };
    if (e.key === "ArrowDown") go(at + 1);
    else if (e.key === "ArrowUp") go(at - 1);
    else if (e.key === "Home") go(0);
    else if (e.key === "End") go(all.length - 1);
    else if (e.key === "Escape" && btn) { closeMenu(btn, true); e.stopPropagation(); }
    else if (e.key === "Tab" && btn) closeMenu(btn);
    else if (e.key.length === 1 && /\S/.test(e.key)) {
      const next = [...all.slice(at + 1), ...all.slice(0, at + 1)].find((i) => i.textContent.trim().toLowerCase().startsWith(e.key.toLowerCase()));
      if (next) next.focus();
    }
  });

  // dialogs and the drawer: focus goes in, and back to where it came from
  let opener = null;
  const show = (dlg, from) => {
    if (!(dlg instanceof HTMLDialogElement) || dlg.matches(":modal")) return;
    opener = from || document.activeElement;
    dlg.removeAttribute("open");
    dlg.showModal();
    const first = dlg.querySelector("[autofocus]");
    if (first) first.focus();
  };
  on("click", "[data-open]", (b) => show(document.getElementById(b.dataset.open), b));
  on("click", "[data-close]", (b) => b.closest("dialog")?.close());
  document.addEventListener("click", (e) => {
    if (e.target instanceof HTMLDialogElement && e.target.matches(".drawer, .sheet, .palette")) e.target.close();
  });
  document.addEventListener("close", (e) => {
    const dlg = e.target;
    if (!(dlg instanceof HTMLDialogElement)) return;
    const back = dlg.dataset.from || dlg.querySelector("[data-close-url]")?.dataset.closeUrl;
    if (dlg.id === "drawer") {
      if (back && location.pathname + location.search !== back) history.replaceState({}, "", back);
      dlg.replaceChildren();
      delete dlg.dataset.from;
      $$("tr[data-open-now]").forEach((r) => { r.classList.remove("selected"); delete r.dataset.openNow; });
    }
    if (opener?.isConnected) opener.focus();
    opener = null;
  }, true);
  on("keydown", "#drawer", (dlg, e) => {
    if (typing(e.target)) return;
    const name = { ArrowUp: "prev", k: "prev", ArrowDown: "next", j: "next" }[e.key];
    const link = name && dlg.querySelector(`[data-step=${name}]`);
    if (link && (e.key.length === 1 || !scrolls(dlg))) { link.click(); e.preventDefault(); }
  });
  // The list behind shows which line is open; closing gives focus to that line, also after steps to others.
  const drawn = (dlg, asked_) => {
    const step = asked_?.elt?.dataset?.step, path = asked_?.path?.split("?")[0];
    const here = $$("[hx-target='#drawer']").find((b) => !dlg.contains(b) && b.getAttribute("hx-get")?.split("?")[0] === path);
    $$("tr.selected[data-open-now]").forEach((r) => { r.classList.remove("selected"); delete r.dataset.openNow; });
    const row = here?.closest("tr");
    if (row) { row.classList.add("selected"); row.dataset.openNow = "1"; }
    show(dlg, asked_?.elt);
    if (here) opener = here;
    // What had focus is gone with the old inside.
    if (!dlg.contains(document.activeElement)) (dlg.querySelector(`[data-step=${step}]`) || dlg.querySelector("[autofocus]"))?.focus();
  };
  const scrolls = (dlg) => { const b = dlg.querySelector(".drawer-body"); return !!b && b.scrollHeight > b.clientHeight + 2; };

  // a security key that was not used: say it where the reader is, not in the console
  document.addEventListener("allauth.error", (e) => {
    const note = document.querySelector("[data-key-fault]");
    if (!note) return;
    e.preventDefault();
    const kind = { NotAllowedError: "refused", AbortError: "refused", InvalidStateError: "known" }[e.detail?.exception?.name] || "failed";
    note.querySelector("[data-words]").textContent = note.dataset[kind];
    note.hidden = false;
    note.scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("click", (e) => {
    if (e.target instanceof Element && e.target.closest("[id^=mfa_webauthn_], #passkey_login")) $$("[data-key-fault]").forEach((n) => { n.hidden = true; });
  }, true);

  // htmx
  document.addEventListener("htmx:configRequest", (e) => {
    const token = document.querySelector("meta[name=csrf-token]")?.content;
    if (token) e.detail.headers["X-CSRFToken"] = token;
  });
  document.addEventListener("htmx:afterSwap", (e) => {
    if (e.detail.target?.id === "drawer") drawn(e.detail.target, e.detail.requestConfig);
    ready(e.detail.target);
  });
  ["htmx:responseError", "htmx:sendError"].forEach((name) => document.addEventListener(name, () => {
    const words = document.querySelector("meta[name=portal-failed]")?.content;
    if (words) toast(words, "bad");
  }));
  // Whatever lines the drawer steps to, closing it leads back to the page it lies over.
  document.addEventListener("htmx:beforeRequest", (e) => {
    const dlg = e.detail.target;
    if (dlg?.id === "drawer" && !dlg.open) dlg.dataset.from = location.pathname + location.search;
  });
  document.addEventListener("htmx:beforeRequest", (e) => e.detail.elt.closest?.(".button")?.setAttribute("aria-busy", "true"));
  document.addEventListener("htmx:afterRequest", (e) => e.detail.elt.closest?.(".button")?.removeAttribute("aria-busy"));
  document.addEventListener("submit", (e) => {
    if (e.target.hasAttribute("hx-post") || e.target.hasAttribute("hx-get") || e.defaultPrevented) return;
    e.submitter?.classList.contains("button") && e.submitter.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", () => $$(".button[aria-busy=true]:not([data-keep])").forEach((b) => b.removeAttribute("aria-busy")));

  // toasts
  const box = () => document.getElementById("toasts");
  const toast = (words, tone = "good") => {
    const tpl = document.getElementById(tone === "bad" ? "toast-bad" : "toast-good");
    if (!tpl || !box()) return;
    const el = tpl.content.firstElementChild.cloneNode(true);
    el.querySelector("[data-words]").textContent = words;
    box().append(el);
    expire(el);
  };
  const expire = (el) => {
    if (el.dataset.stays !== undefined || el.dataset.timed) return;
    el.dataset.timed = "1";
    let left;
    const start = () => { left = setTimeout(() => el.remove(), 8000); };
    el.addEventListener("mouseenter", () => clearTimeout(left));
    el.addEventListener("focusin", () => clearTimeout(left));
    el.addEventListener("mouseleave", start);
    start();
  };
  on("click", "[data-dismiss]", (b) => b.closest(".toast, .note, .card")?.remove());
  document.addEventListener("portal:toast", (e) => toast(e.detail.value || e.detail.words || "", e.detail.tone));

  // copying
  on("click", "[data-copy]", async (b) => {
    const src = document.getElementById(b.dataset.copy);
    const text = src ? (src.value ?? src.textContent).trim() : b.dataset.copy;
    try { await navigator.clipboard.writeText(text); toast(b.dataset.copied || text); }
    catch { if (src?.select) src.select(); }
  });

  // forms that act at once
  on("change", "[data-submit]", (el) => el.form?.requestSubmit());

  // rows: arrows move, Enter opens, x selects; a head box selects all
  on("change", "[data-select-all]", (all) => $$("input.box[name]", all.closest("table")).forEach((b) => { b.checked = all.checked; }));
  on("click", "[data-expand]", (b) => {
    const open = b.getAttribute("aria-expanded") !== "true";
    b.setAttribute("aria-expanded", String(open));
    b.closest("tr").classList.toggle("open", open);
    $$(`[data-child-of="${b.dataset.expand}"]`).forEach((r) => { r.hidden = !open; });
  });
  on("keydown", "table[data-rows] tbody", (body, e) => {
    if (typing(e.target)) return;
    const rows = $$("tr:not([hidden])", body), row = e.target.closest("tr");
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    const aim = (r) => r?.querySelector("a, button, input")?.focus();
    if (step) { aim(rows[rows.indexOf(row) + step]); e.preventDefault(); }
    if (e.key === "x") row.querySelector("input.box")?.click();
  });

  // chips: Backspace removes the one in focus, Esc the last
  on("keydown", ".chips", (chips, e) => {
    if (typing(e.target)) return;
    if (e.key === "Backspace") e.target.closest(".chip")?.querySelector(".chip-remove")?.click();
    if (e.key === "Escape") $$(".chip-remove", chips).pop()?.click();
  });

  // palette: asks the server while somebody types; the last five choices of this tab come first
  const pal = () => document.getElementById("palette");
  const field = () => pal().querySelector("input");
  const lines = () => $$("[role=option]", pal());
  let asked = null, wait = 0;
  const choose = (n) => {
    const all = lines(), at = all.length ? (n + all.length) % all.length : -1;
    all.forEach((l, i) => l.setAttribute("aria-selected", String(i === at)));
    field().setAttribute("aria-expanded", String(at >= 0));
    if (at < 0) { field().removeAttribute("aria-activedescendant"); return; }
    field().setAttribute("aria-activedescendant", all[at].id);
    all[at].scrollIntoView({ block: "nearest" });
  };
  const recent = () => { try { return JSON.parse(sessionStorage.getItem("recent")) || []; } catch { return []; } };
  const ask = async () => {
    const dlg = pal(), q = field().value.trim();
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(`${dlg.dataset.url}?q=${encodeURIComponent(q)}`, { signal: asked.signal, credentials: "same-origin" });
      if (!answer.ok) return;
      const list = dlg.querySelector("[role=listbox]");
      list.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
      const kept = q ? [] : recent().map((url) => lines().find((l) => l.getAttribute("href") === url.url) || url);
      if (kept.length) {
        const group = dlg.querySelector("template").content.firstElementChild.cloneNode(true);
        kept.forEach((one, n) => {
          const line = one instanceof Element ? one : document.createElement("a");
          if (!(one instanceof Element)) {
            Object.assign(line, { className: "palette-line", href: one.url, textContent: one.label, tabIndex: -1 });
            line.setAttribute("role", "option");
          }
          line.id = `palette-recent-${n}`;
          group.append(line);
        });
        list.prepend(group);
        $$(".palette-group", list).forEach((g) => { if (!g.querySelector("[role=option]")) g.remove(); });
      }
      const note = dlg.querySelector("[data-count]");
      note.textContent = lines().length ? String(lines().length) : note.dataset.none;
      choose(0);
    } catch (fault) { if (fault.name !== "AbortError") throw fault; }
  };
  const openPalette = (from) => {
    if (!pal() || pal().open) return;
    show(pal(), from);
    field().value = "";
    field().focus();
    ask();
  };
  on("click", "[data-palette]", (b) => openPalette(b));
  on("input", "#palette input", () => { clearTimeout(wait); wait = setTimeout(ask, 120); });
  on("keydown", "#palette input", (i, e) => {
    if (e.isComposing) return;
    const all = lines(), at = all.findIndex((l) => l.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step) { choose(at + step); e.preventDefault(); }
    else if (e.key === "Enter") { all[at]?.click(); e.preventDefault(); }
  });
  on("click", "#palette [role=option]", (l) => {
    const mine = { url: l.getAttribute("href"), label: (l.querySelector("span") || l).textContent };
    sessionStorage.setItem("recent", JSON.stringify([mine, ...recent().filter((r) => r.url !== mine.url)].slice(0, 5)));
  });
  document.addEventListener("keydown", (e) => {
    if ((e.metaKey || e.ctrlKey) && !e.shiftKey && !e.altKey && e.key.toLowerCase() === "k" && pal()) {
      e.preventDefault();
      openPalette(document.activeElement);
    }
  });

  // range: two months from the server; the first click begins, the second ends; the button repeats the days
  const iso = (d) => `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, "0")}-${String(d.getDate()).padStart(2, "0")}`;
  const dated = (text) => new Date(`${text}T12:00:00`);
  const ends = (form) => ["since", "until"].map((name) => form.elements[name].value);
  const paint = (form) => {
    const [a, b] = ends(form);
    const days = $$("[data-day]", form);
    days.forEach((d) => {
      const day = d.dataset.day;
      d.parentElement.setAttribute("aria-selected", String(!!a && day >= a && day <= b));
      d.parentElement.classList.toggle("is-end", day === a || day === b);
      d.tabIndex = -1;
    });
    const start = days.find((d) => d.dataset.day === b) || days.findLast((d) => !d.disabled);
    if (start) start.tabIndex = 0;
    const act = form.querySelector("[data-apply]");
    if (!act || !a || !b || b < a) return;
    const tongue = root.lang.startsWith("zh") ? "zh-Hans" : "en-GB";
    const words = new Intl.DateTimeFormat(tongue, { day: "numeric", month: tongue === "en-GB" ? "short" : "long", year: "numeric" });
    act.firstElementChild.textContent = `${act.dataset.apply} ${words.formatRange(dated(a), dated(b)).replace(" – ", "–").replace("至", "–")}`;
  };
  const months = async (form, month, focus) => {
    const box_ = form.querySelector("[data-months]");
    const answer = await fetch(`${box_.dataset.months}?month=${month}`, { credentials: "same-origin" });
    if (!answer.ok) return;
    box_.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
    paint(form);
    const aim = typeof focus === "string" ? box_.querySelector(`[data-day="${focus}"]:not(:disabled)`) : focus && box_.querySelector(focus.later ? "[data-month]:last-of-type" : "[data-month]");
    if (aim) aim.focus();
  };
  document.addEventListener("toggle", (e) => {
    const form = e.target.matches?.("details.range[open]") && e.target.querySelector("form");
    const box_ = form && form.querySelector("[data-months]");
    if (box_ && !box_.children.length) months(form, box_.dataset.from);
  }, true);
  on("click", "[data-month]", (b) => months(b.form, b.dataset.month, { later: b === b.parentElement.lastElementChild }));
  on("change", ".range-panel input[type=date]", (i) => paint(i.form));
  on("click", "[data-day]", (b) => {
    const form = b.form, begun = form.dataset.begun, day = b.dataset.day;
    if (begun) delete form.dataset.begun; else form.dataset.begun = day;
    [form.elements.since.value, form.elements.until.value] = begun && begun < day ? [begun, day] : [day, begun || day];
    paint(form);
  });
  on("keydown", "[data-day]", (b, e) => {
    const day = dated(b.dataset.day), week = (day.getDay() + 6) % 7;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7, Home: -week, End: 6 - week }[e.key];
    if (step !== undefined) day.setDate(day.getDate() + step);
    else if (e.key === "PageUp") day.setMonth(day.getMonth() - 1);
    else if (e.key === "PageDown") day.setMonth(day.getMonth() + 1);
    else return;
    e.preventDefault();
    const there = b.form.querySelector(`[data-day="${iso(day)}"]`);
    if (!there) months(b.form, iso(day).slice(0, 7), iso(day)); else if (!there.disabled) there.focus();
  });
  on("keydown", "details.range", (range, e) => {
    if (e.defaultPrevented || typing(e.target) || e.ctrlKey || e.metaKey || e.altKey) return;
    const step = { ArrowLeft: "earlier", ArrowRight: "later" }[e.key];
    if (step && e.target.matches("summary")) { if (e.target.dataset[step]) location.assign(e.target.dataset[step]); }
    else if (e.key === "Escape") { range.open = false; range.querySelector("summary").focus(); }
    else if (range.open && root.dataset.keys !== "off" && e.key.length === 1) {
      const key = e.key.toUpperCase(), all = $$("input[name=compare]", range);
      if (key === "X" && all.length) all[(all.findIndex((c) => c.checked) + 1) % all.length].checked = true;
      else range.querySelector(`[data-key="${key}"]`)?.click();
    }
  });

  // keys of the whole page; off while typing and where the reader switched them off
  const typing = (el) => el instanceof Element && !!el.closest("input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]");
  document.addEventListener("keydown", (e) => {
    if (e.key === "F6") { box()?.querySelector("button, a")?.focus(); return; }
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || typing(e.target) || root.dataset.keys === "off") return;
    if (e.key === "?") show(document.getElementById("keys"));
    else if (e.key === "/") { const s = document.querySelector("[data-search]"); if (s) { s.focus(); e.preventDefault(); } }
    else if (e.key === "Escape") $$(".tip.is-open").forEach((t) => t.classList.remove("is-open"));
  });
  on("change", "[data-keys-switch]", (box_) => {
    root.dataset.keys = box_.checked ? "on" : "off";
    localStorage.setItem("keys", root.dataset.keys);
  });

  // A line reached by its own address: its list comes behind, and the drawer over it. Without scripts it is a page.
  const laid = async (page) => {
    if (!page || !window.htmx) return;
    const own = location.pathname + location.search, list = page.dataset.over;
    await htmx.ajax("GET", list, { target: "body", swap: "settle:0s" });
    history.replaceState({}, "", list);
    await htmx.ajax("GET", own, { target: "#drawer", swap: "settle:0s" });
    history.replaceState({}, "", own);
  };
  const ready = (from) => {
    $$("input[data-mixed]", from).forEach((b) => { b.indeterminate = true; });
    $$(".toast", from).forEach(expire);
    $$("dialog.drawer[data-now]", from).forEach((d) => { d.removeAttribute("data-now"); show(d); });
    const faults = from.querySelector?.("[data-faults]");
    if (faults) faults.focus();
  };
  const start = () => {
    root.dataset.keys = localStorage.getItem("keys") || "on";
    $$("[data-keys-switch]").forEach((b) => { b.checked = root.dataset.keys !== "off"; });
    if (/Mac|iP(hone|ad)/.test(navigator.platform)) $$("[data-command]").forEach((k) => { k.textContent = "⌘ K"; });
    pressTheme();
    ready(document);
    laid(document.querySelector("[data-over]"));
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
