/** The frame of every page: navigation, theme, help, and the view that the address names. A view is loaded when it
 * is first wanted, so that one that is broken takes no other with it. */

import {html, render, useEffect, useErrorBoundary, useRef, useState} from "./vendor/htm-preact.js";
import {Banner} from "./banner.js";
import {followLinks, isTyping, leave, useLocation} from "./navigation.js";
import {Notices} from "./notices.js";
import {Empty, Loading, Problem} from "./parts.js";
import {Help} from "./shortcuts.js";
import {THEMES, chooseTheme, chosenTheme} from "./theme.js";

export {navigate} from "./navigation.js";

const PAGES = [
  {name: "Requests", path: "/", load: () => import("./requests.js")},
  {name: "Providers", path: "/providers", load: () => import("./providers.js")},
  {name: "Overview", path: "/overview", load: () => import("./overview.js")},
  {name: "Config", path: "/config", load: () => import("./config.js")},
];
const THEME_KEY = "kimi-proxy-theme"; // as theme.js keeps it
const DETAIL = {name: "Detail", path: "/exchanges/", load: () => import("./detail.js")};

function App() {
  const {path} = useLocation();
  const [help, setHelp] = useState(false);
  const main = useRef(null);
  const page = pageOf(path);
  useKeys(path, () => setHelp(true));
  useTitle(page, path);
  useEffect(() => main.current.focus({preventScroll: true}), [path]);
  return html`<div class="frame" onClick=${followLinks}>
    <a class="skip" href="#page">Skip to the page</a>
    <header class="bar">
      <a class="brand" href="/" aria-label="Kimi Proxy, requests">${mark}Kimi Proxy</a>
      <nav class="navigation" aria-label="Pages">
        ${PAGES.map(({name, path: target}) => html`<a key=${name} href=${target} aria-current=${current(page, name)}
          data-testid=${`nav-${name.toLowerCase()}`}>${name}</a>`)}
      </nav>
      <div class="bar-tools">
        <${ThemeButton} />
        <button type="button" class="quiet" onClick=${() => setHelp(true)} aria-label="Keyboard help"
          title="Keyboard help (?)" data-testid="help-button">?</button>
      </div>
    </header>
    <${Banner} />
    <main class="page" id="page" ref=${main} tabindex="-1">
      ${page
        ? html`<${View} key=${path} page=${page} path=${path} />`
        : html`<${Empty} title="There is no such page"><a href="/">Go to the requests</a><//>`}
    </main>
    <${Help} open=${help} close=${() => setHelp(false)} />
    <${Notices} />
  </div>`;
}

/** A view, once its module is there; with a way out when the module or the view itself fails. */
function View({page, path}) {
  const [loaded, setLoaded] = useState(null);
  const [failure, setFailure] = useState(null);
  const [broken, reset] = useErrorBoundary((error) => console.error(error));
  const load = () => {
    setFailure(null);
    page.load().then((module) => setLoaded({component: module[page.name]}), setFailure);
  };
  useEffect(load, []);
  if (broken) return html`<${Problem} title="This page failed" error=${broken} retry=${reset} />`;
  if (failure) return html`<${Problem} title="This page could not be loaded" error=${failure} retry=${load} />`;
  if (!loaded) return html`<${Loading} />`;
  return html`<${loaded.component} ...${page === DETAIL ? {id: path.slice(DETAIL.path.length)} : {}} />`;
}

function ThemeButton() {
  const [theme, setTheme] = useState(chosenTheme);
  useEffect(() => {
    const changed = ({key}) => { // by another tab; a null key: everything was cleared
      if (key !== THEME_KEY && key !== null) return;
      chooseTheme(chosenTheme());
      setTheme(chosenTheme());
    };
    addEventListener("storage", changed);
    return () => removeEventListener("storage", changed);
  }, []);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  const change = () => {
    chooseTheme(next);
    setTheme(next);
  };
  return html`<button type="button" class="quiet theme" onClick=${change} data-testid="theme" data-theme-choice=${theme}
    aria-label=${`Theme: ${theme}. Change to ${next}`} title=${`Theme: ${theme}`}>
    <span aria-hidden="true">${{system: "◐", light: "☀", dark: "☾"}[theme]}</span> ${theme}</button>`;
}

/** Keys of every page. A view that uses Escape itself calls `preventDefault`. */
function useKeys(path, openHelp) {
  useEffect(() => {
    const pressed = (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event) || document.querySelector("dialog[open]")) return;
      if (event.key === "?") openHelp();
      if (event.key === "Escape" && path !== "/") leave();
    };
    addEventListener("keydown", pressed); // on the window: after what views have at the document
    return () => removeEventListener("keydown", pressed);
  }, [path]);
}

function useTitle(page, path) {
  useEffect(() => {
    const name = page === DETAIL ? path.slice(-6) : page?.name ?? "No such page";
    document.title = name ? `${name} · Kimi Proxy` : "Kimi Proxy";
  }, [path]);
}

function pageOf(path) {
  if (/^\/exchanges\/[^/]+$/.test(path)) return DETAIL;
  return PAGES.find((page) => page.path === path);
}

function current(page, name) {
  if (page?.name === name) return "page";
  return page === DETAIL && name === "Requests" ? "true" : undefined;
}

const mark = html`<svg class="brand-mark" viewBox="0 0 18 18" aria-hidden="true">
  <path d="M2 5h9a4 4 0 0 1 0 8H7M10 10l-3 3 3 3" /></svg>`;

render(html`<${App} />`, document.getElementById("dashboard"));
