// A panel's queries: their steps, and their answers as Grafana's data frames.
import { FieldType, rangeUtil, toDataFrame } from '@grafana/data';

const seconds = (text, fallback) => (text ? rangeUtil.intervalToSeconds(text.replace(/^>/, '')) : fallback);

/** Grafana's range object for the seconds *from* to *to*. */
export function grafanaRange({ from, to }) {
  return rangeUtil.convertRawToRange({
    from: new Date(from * 1000).toISOString(),
    to: new Date(to * 1000).toISOString(),
  });
}

/** The step of a query in seconds, and the variables that follow from it. */
function timing(target, panel, width, environment) {
  const { range, scrape, variables } = environment;
  const wished = variables.inText(target.interval || panel.interval || '');
  const least = seconds(wished, scrape);
  const points = panel.maxDataPoints || Math.max(100, Math.floor(width));
  const step = rangeUtil.calculateInterval(grafanaRange(range), points, `${least}s`).intervalMs / 1000;
  const length = Math.round(range.to - range.from);
  return {
    step,
    variables: variables.with({
      __interval: `${step}s`,
      __interval_ms: step * 1000,
      __range: `${length}s`,
      __range_ms: length * 1000,
      __range_s: length,
      __rate_interval: `${Math.max(step + least, 4 * least)}s`,
    }),
  };
}

/** The name that the data source gives to a series; undefined leaves it to Grafana ("Auto"). */
function legend(target, metric, query) {
  const { __name__ = '', ...labels } = metric;
  if (target.legendFormat && target.legendFormat !== '__auto') {
    return target.legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? '');
  }
  const text = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  if (target.legendFormat === '__auto') {
    return text.length ? undefined : query;
  }
  return text.length ? `${__name__}{${text.join(', ')}}` : __name__ || query;
}

const number = (text) => ({ '+Inf': Infinity, '-Inf': -Infinity })[text] ?? Number(text);

function seriesFrame(target, { metric, values }, query, step) {
  return toDataFrame({
    refId: target.refId,
    fields: [
      {
        name: 'Time',
        type: FieldType.time,
        config: { interval: step * 1000 },
        values: values.map(([time]) => time * 1000),
      },
      {
        name: 'Value',
        type: FieldType.number,
        labels: metric,
        config: { displayNameFromDS: legend(target, metric, query) },
        values: values.map(([, value]) => number(value)),
      },
    ],
  });
}

/** One frame with a column per label: `format: table`. */
function tableFrame(target, series, several) {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const rows = series.flatMap(({ metric, values }) => values.map(([time, value]) => ({ metric, time, value })));
  const column = (name, type, value) => ({ name, type, config: {}, values: rows.map(value) });
  const valueName = several ? `Value #${target.refId}` : 'Value';
  return toDataFrame({
    refId: target.refId,
    fields: [
      column('Time', FieldType.time, ({ time }) => time * 1000),
      ...labels.map((label) => column(label, FieldType.string, ({ metric }) => metric[label])),
      column(valueName, FieldType.number, ({ value }) => number(value)),
    ],
  });
}

async function answer(target, panel, width, several, environment) {
  const { prometheus, range } = environment;
  const { step, variables } = timing(target, panel, width, environment);
  const query = variables.inQuery(target.expr);
  const aligned = { start: Math.floor(range.from / step) * step, end: Math.floor(range.to / step) * step, step };
  const kinds = [target.instant && prometheus.instant(query, range.to)];
  kinds.push((target.range || !target.instant) && prometheus.range(query, aligned));
  const series = (await Promise.all(kinds)).filter(Boolean).flat();
  if (target.format === 'table') {
    return series.length ? [tableFrame(target, series, several)] : [];
  }
  return series.map((one) => seriesFrame(target, one, query, step));
}

/** The frames of all the panel's queries. */
export async function queryFrames(panel, width, environment) {
  const targets = (panel.targets ?? []).filter(({ hide, expr }) => !hide && expr);
  const answers = targets.map((target) => answer(target, panel, width, targets.length > 1, environment));
  return (await Promise.all(answers)).flat();
}
