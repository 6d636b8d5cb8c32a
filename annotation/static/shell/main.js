/** Builds the page: reads the project, opens the item that the address names, and connects the parts. */

import { ApiError } from "../engine/api.js";
import { Editor } from "../engine/editor.js";
import { announce } from "./announcer.js";
import { cursorWords, toolRail, viewBar } from "./bars.js";
import { Banners } from "./banners.js";
import { commandTable, PICTURES, TABS } from "./commands.js";
import { CommentsSection } from "./comments_section.js";
import { byId, fill, make } from "./dom.js";
import { Drawers } from "./drawers.js";
import { Drawing } from "./drawing.js";
import { Help } from "./help_dialog.js";
import { HistorySection } from "./history_section.js";
import { bindKeys } from "./keys.js";
import { Marking } from "./marking.js";
import { Notices } from "./notices.js";
import { PairSection } from "./pair_section.js";
import { Panel } from "./panel.js";
import { Person } from "./person.js";
import { proposalLine } from "./proposal_line.js";
import { Queue } from "./queue.js";
import { FIRST_PAGE } from "./queue_pages.js";
import { explain, lostConnection, Requests } from "./requests.js";
import { go, parseRoute } from "./route.js";
import { KeptSettings } from "./settings.js";
import { Strip } from "./strip.js";
import { toolSection } from "./tool_section.js";
import { topBar } from "./top_bar.js";
import { WindowsSection } from "./windows_section.js";
import { stateWord } from "./words.js";
import { Workplace } from "./workplace.js";

/**
 * @typedef {object} Page what the parts share
 * @property {KeptSettings} settings
 * @property {Requests} requests
 * @property {import("./requests.js").Project} project
 * @property {Person} person
 * @property {HTMLElement} picture
 * @property {Editor} editor
 * @property {Workplace} workplace
 * @property {Notices} notices
 * @property {Drawing} drawing
 * @property {Drawers} drawers
 * @property {Queue} queue
 * @property {Marking} states
 * @property {Help} help
 * @property {Panel} panel
 * @property {(id: string) => import("./commands.js").Command} command
 */

async function start() {
  const settings = new KeptSettings();
  followLook(settings);
  const requests = new Requests();
  requests.ahead(0, "", FIRST_PAGE);
  if (parseRoute(location.hash).item === null) requests.ahead(0, "todo", 1);
  const project = await requests.project();
  const page = assemble(settings, requests, project);
  await page.queue.start();
  await openFirst(page);
  await page.person.known();
}

/** @returns {Page} */
function assemble(settings, requests, project) {
  document.title = project.name;
  const person = new Person(settings);
  const picture = byId("picture");
  const editor = new Editor(picture, { annotator: person.name, project, api: requests.api });
  const workplace = new Workplace(editor, requests, () => person.name);
  const strip = new Strip(byId("strip"));
  const notices = new Notices(strip);
  const drawing = new Drawing(editor, settings, notices);
  const drawers = new Drawers();
  const open = (id) => {
    go({ item: id, mask: null }, { entry: true });
    return workplace.open(id);
  };
  const queue = new Queue(byId("queue"), { requests, workplace, notices, open });
  const states = new Marking(workplace, { requests, person, notices, queue });
  const help = new Help(() => commands, settings, person);
  const parts = { settings, requests, project, person, picture, editor, workplace, notices, drawing, drawers, queue, states, help };
  const page = /** @type {Page} */ ({ ...parts, panel: null, command: (id) => commands.find((each) => each.id === id) });
  const commands = commandTable({ ...page, panel: { open: (tab) => page.panel.open(tab) } });
  page.panel = sections(page);
  topBar(page);
  toolRail(byId("rail"), page);
  viewBar(byId("viewbar"), page);
  proposalLine(strip, page);
  new Banners(byId("banners"), editor);
  bindKeys(commands, () => settings.get("keys"));
  connect(page);
  return page;
}

function sections(page) {
  const parts = {
    tool: toolSection(page),
    pair: new PairSection(page, (doubtful) => panel.badge("pair", doubtful ? "!" : "")),
    windows: new WindowsSection(page),
    history: new HistorySection(page),
    comments: new CommentsSection(page, (number) => panel.badge("comments", number ? String(number) : "")),
  };
  const kept = parseRoute(location.hash).tab;
  const panel = new Panel(byId("panel"), parts, page.drawers, (tab) => go({ tab: tab === TABS[0].tab ? null : tab }));
  panel.select(kept ?? TABS[0].tab);
  return panel;
}

/** What one part tells another. @param {Page} page */
function connect({ editor, settings, workplace, notices, drawing, queue, picture, project, person }) {
  drawing.start();
  queue.setProject(project);
  workplace.addEventListener("failed", (event) => notices.fail(event.detail.message));
  workplace.addEventListener("item", (event) => announce(itemWords(event.detail.item, workplace.layer)));
  workplace.addEventListener("item", () => go({ item: workplace.item.id, mask: maskOf(workplace) }));
  workplace.addEventListener("item", () => queue.warmNext());
  editor.addEventListener("notice", (event) => notices.show(event.detail.message));
  editor.addEventListener("working", ({ detail }) => (detail.on ? notices.show(detail.message) : notices.hide()));
  editor.addEventListener("display", ({ detail }) => go({ view: detail.picture === "blurred" ? null : detail.picture }));
  editor.addEventListener("cursor", keyboardCursorSpoken());
  settings.addEventListener("change", ({ detail }) => {
    if (detail === "annotator") workplace.rename(person.name);
  });
  window.addEventListener("popstate", () => followAddress(workplace, editor));
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address keeps the item, not a place on the page
    picture.focus();
  });
}

/** @param {Page} page */
async function openFirst({ workplace, queue, editor, requests, notices }) {
  const { item, mask, view } = parseRoute(location.hash);
  if (item !== null) {
    await workplace.open(item, mask);
    if (workplace.item && view) showView(editor, view);
    if (workplace.item) return;
  }
  const first = queue.matches[0];
  if (!first) return void notices.show("This project has no items yet.");
  const unfinished = (await requests.items(0, "todo", 1)).items[0] ?? first;
  await workplace.open(unfinished.id);
}

function followAddress(workplace, editor) {
  const { item, mask, view } = parseRoute(location.hash);
  if (item !== null && (item !== workplace.item?.id || (mask ?? maskOf(workplace)) !== maskOf(workplace))) workplace.open(item, mask);
  else showView(editor, view ?? "blurred");
}

function showView(editor, view) {
  const known = PICTURES.some(({ mode }) => mode === view);
  if (known && (view === "blurred" || editor.item?.pair)) editor.setPicture(view);
}

/** The mask's number for the address; null where there is only one. */
function maskOf({ item, layer }) {
  return item && item.layers.length > 1 ? layer.number : null;
}

function itemWords(item, layer) {
  const proposed = layer.is_proposal ? ", proposed by the machine" : "";
  return `${item.name}, ${stateWord(layer.state).toLowerCase()}${proposed}`;
}

/** Where the keyboard's cursor came to rest is spoken, not every pixel on its way. */
function keyboardCursorSpoken() {
  let timer = 0;
  return ({ detail }) => {
    clearTimeout(timer);
    if (detail.keyboard) timer = window.setTimeout(() => announce(cursorWords(detail)), 500);
  };
}

function followLook(settings) {
  const show = () => (document.documentElement.dataset.look = settings.get("look"));
  settings.addEventListener("change", show);
  show();
}

start().catch((error) => {
  const again = make("button", { type: "button", class: "primary", onclick: () => location.reload() }, "Try again");
  const known = error instanceof ApiError || lostConnection(error);
  const words = known ? explain(error) : "This page has a fault and could not start.";
  fill(byId("picture"), make("div", { class: "trouble", role: "alert" }, make("p", {}, words), again));
  if (!known) throw error; // for the browser's console
});
