// Loads what the address asks for, draws it, and reports what each panel says.
//
//   ?dashboard=/x.json&prometheus=http://…  where they are
//   &to=1700000000&range=900&scrape=15      seconds: the end, the length (else the dashboard's), the scrape interval
//   &theme=dark&width=1400&expand=1         light | dark; pixels; whether collapsed rows are opened
//   &var-site=north&var-site=south          a template variable's values
//
// When all is drawn, the title is "ready" and #report holds the page's height and the panels' texts as JSON.
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import { createTheme, dateMath, rangeUtil } from '@grafana/data';
import { createRoot } from 'react-dom/client';
import { displayable, isEmpty, transformed } from './fields.js';
import { box, placed } from './layout.js';
import { Page } from './page.jsx';
import { PANELS } from './panels/index.js';
import { Prometheus } from './prometheus.js';
import { queryFrames } from './queries.js';
import { Variables } from './variables.js';

const SETTLED = 1500; // milliseconds for icons and canvases

const parameters = new URLSearchParams(location.search);

function chosenVariables() {
  const names = [...new Set(parameters.keys())].filter((name) => name.startsWith('var-'));
  return Object.fromEntries(names.map((name) => [name.slice('var-'.length), parameters.getAll(name)]));
}

function rangeOf(dashboard) {
  const now = Date.now();
  const to = Number(parameters.get('to')) || Math.floor(now / 1000);
  const from = dateMath.parse(dashboard.time?.from ?? 'now-6h') ?? now - 6 * 3600e3;
  const length = Number(parameters.get('range')) || Math.round((now - from.valueOf()) / 1000);
  return { from: to - length, to };
}

async function environmentOf(dashboard) {
  const environment = {
    prometheus: new Prometheus(parameters.get('prometheus')),
    range: rangeOf(dashboard),
    scrape: Number(parameters.get('scrape')) || 15,
    theme: createTheme({ colors: { mode: parameters.get('theme') ?? 'dark' } }),
    timeZone: ['', 'browser', undefined].includes(dashboard.timezone) ? 'utc' : dashboard.timezone,
  };
  return { ...environment, variables: await Variables.of(dashboard, environment, chosenVariables()) };
}

/** The panel's environment: a panel may have a length of time of its own. */
function environmentOfPanel({ timeFrom }, environment) {
  const { range } = environment;
  return timeFrom
    ? { ...environment, range: { ...range, from: range.to - rangeUtil.intervalToSeconds(timeFrom) } }
    : environment;
}

async function contentOf(panel, width, environment) {
  const kind = PANELS[panel.type];
  if (!kind || kind.static) {
    return { frames: [] };
  }
  if (kind.load) {
    const alerts = await kind.load(panel, environment);
    return { frames: [], alerts, empty: !alerts.length };
  }
  const queried = await queryFrames(panel, box(panel.gridPos, width).width, environment);
  const frames = displayable(panel, await transformed(panel, queried, environment), environment);
  return { frames, empty: isEmpty(frames) };
}

/** The panel with all that its drawing needs. */
async function load(written, width, common) {
  const title = common.variables.inText(written.title ?? '');
  const panel = { ...written, title, description: common.variables.inText(written.description ?? '') };
  const environment = environmentOfPanel(panel, common);
  try {
    return { panel, environment, ...(await contentOf(panel, width, environment)) };
  } catch (error) {
    console.error(title, error);
    return { panel, environment, frames: [], error: String(error.message ?? error) };
  }
}

/** What each panel says, in the page's order, once it is drawn. */
function report(panels) {
  const shown = panels.filter(({ panel }) => panel.type !== 'row');
  return shown.map(({ panel, frames, empty = false }) => {
    const element = document.querySelector(`[data-panel="${panel.id}"]`);
    return {
      title: panel.title,
      type: panel.type,
      empty,
      error: element.querySelector('[data-error]')?.dataset.error ?? null,
      undrawn: element.querySelector('[data-undrawn]') !== null,
      frames: frames.length,
      rows: frames.reduce((sum, frame) => sum + frame.length, 0),
      text: element.innerText.replace(/\s*\n\s*/g, '\n').trim(),
    };
  });
}

function tell(content) {
  const script = document.createElement('script');
  script.id = 'report';
  script.type = 'application/json';
  script.textContent = JSON.stringify(content).replaceAll('<', '\\u003c');
  document.body.append(script);
  document.title = 'ready';
}

async function show() {
  const dashboard = await (await fetch(parameters.get('dashboard'))).json();
  const width = Number(parameters.get('width')) || 1400;
  const environment = await environmentOf(dashboard);
  const visible = placed(dashboard.panels ?? [], parameters.has('expand'));
  await Promise.all(['400', '500'].map((weight) => document.fonts.load(`${weight} 14px Inter`)));
  const panels = await Promise.all(
    visible.map((panel, index) => load({ ...panel, id: panel.id ?? index }, width, environment)),
  );
  createRoot(document.getElementById('root')).render(
    <Page dashboard={dashboard} panels={panels} environment={environment} width={width} />,
  );
  await new Promise((resolve) => setTimeout(resolve, SETTLED));
  tell({ height: document.getElementById('page').scrollHeight, panels: report(panels) });
}

show().catch((error) => {
  console.error(error);
  tell({ error: String(error.message ?? error) });
});
