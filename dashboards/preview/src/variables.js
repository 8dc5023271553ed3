// Template variables: their values from the dashboard and Prometheus, and their places in texts and queries.

const ALL = '$__all';
// $name, [[name:format]], ${name.path:format}
const PLACE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}/g;

const list = (value) => (Array.isArray(value) ? value : value === undefined || value === '' ? [] : [value]);
const regexEscape = (text) => text.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');

/** How ${name:format} writes values; the names are Grafana's. */
const FORMATS = {
  csv: (values) => values.join(','),
  doublequote: (values) => values.map((value) => `"${value}"`).join(','),
  pipe: (values) => values.join('|'),
  raw: (values) => (values.length > 1 ? `{${values.join(',')}}` : (values[0] ?? '')),
  regex: (values) => (values.length === 1 ? regexEscape(values[0]) : `(${values.map(regexEscape).join('|')})`),
  singlequote: (values) => values.map((value) => `'${value}'`).join(','),
  text: (values) => values.join(' + '),
};

/** The regular expression that a variable's `regex` spells: /pattern/flags, or a plain text. */
function pattern(text) {
  const [, body, flags] = text.match(/^\/(.*)\/([a-z]*)$/s) ?? [null, text, ''];
  return new RegExp(body, flags);
}

/** What is left of the options after the variable's `regex`: its first group where it has one. */
function filtered(values, regex) {
  if (!regex) {
    return values;
  }
  const expression = pattern(regex);
  const found = values.map((value) => value.match(expression)).filter(Boolean);
  return [...new Set(found.map((match) => match.groups?.value ?? match[1] ?? match[0]))];
}

function sorted(values, order) {
  const byText = new Intl.Collator('en', { sensitivity: order >= 5 ? 'base' : 'variant' });
  const compare = order === 3 || order === 4 ? (a, b) => Number(a) - Number(b) : byText.compare;
  const up = order ? [...values].sort(compare) : values;
  return order && order % 2 === 0 ? up.reverse() : up;
}

async function queried(variable, resolved, environment) {
  const { prometheus, range } = environment;
  const query = resolved.inQuery(variable.query?.query ?? variable.query ?? '').trim();
  const labelValues = query.match(/^label_values\((?:(.+),\s*)?([\w:]+)\s*\)$/s);
  if (labelValues) {
    return prometheus.labelValues(labelValues[2], labelValues[1], range);
  }
  if (query === 'label_names()') {
    return prometheus.get('labels', { start: range.from, end: range.to });
  }
  const metrics = query.match(/^metrics\((.*)\)$/s);
  if (metrics) {
    const names = await prometheus.labelValues('__name__', undefined, range);
    return names.filter((name) => new RegExp(metrics[1]).test(name));
  }
  const result = query.match(/^query_result\((.*)\)$/s);
  if (result) {
    const series = await prometheus.instant(result[1], range.to);
    return series.map(({ metric: { __name__ = '', ...labels }, values }) => {
      const text = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      return `${__name__}{${text}} ${values[0][1]} ${values[0][0] * 1000}`;
    });
  }
  throw new Error(`variable ${variable.name}: the preview cannot resolve the query ${query}`);
}

/** A custom or interval variable's options: "a, b : c" gives the value b : c the text b. */
function written(query) {
  return (query.match(/(?:\\,|[^,])+/g) ?? []).map((part) => {
    const [, , value] = part.match(/^\s*(.+)\s:\s(.+)$/) ?? [];
    return (value ?? part).replaceAll('\\,', ',').trim();
  });
}

async function options(variable, resolved, environment) {
  switch (variable.type) {
    case 'query':
      return sorted(filtered(await queried(variable, resolved, environment), variable.regex), variable.sort ?? 0);
    case 'custom':
    case 'interval':
      return written(variable.query ?? '');
    case 'datasource':
      return ['Prometheus'];
    default:
      return list(variable.query);
  }
}

/** What is selected: the page's choice, else the dashboard's where it is still an option, else the first. */
function selected(variable, values, chosen) {
  const wanted = chosen ?? list(variable.current?.value);
  if (wanted.includes(ALL) || wanted.includes('All') || (!wanted.length && variable.includeAll)) {
    return { all: true, values };
  }
  const kept = chosen ? wanted : wanted.filter((value) => values.includes(value));
  return kept.length
    ? { all: false, values: kept }
    : { all: Boolean(variable.includeAll), values: variable.includeAll ? values : values.slice(0, 1) };
}

export class Variables {
  constructor() {
    this.byName = new Map();
  }

  /** All the dashboard's variables, in its order: a later one may use those before it. */
  static async of(dashboard, environment, chosen) {
    const variables = new Variables();
    for (const variable of dashboard.templating?.list ?? []) {
      if (variable.type === 'adhoc' || variable.type === 'groupby') {
        continue;
      }
      const values = await options(variable, variables, environment);
      const picked = selected(variable, values, chosen[variable.name]);
      variables.byName.set(variable.name, { ...variable, ...picked });
    }
    return variables;
  }

  /** These variables and some more, such as $__interval; each a text. */
  with(builtIn) {
    const more = new Variables();
    more.byName = new Map(this.byName);
    for (const [name, value] of Object.entries(builtIn)) {
      more.byName.set(name, { values: [String(value)] });
    }
    return more;
  }

  shown() {
    return [...this.byName.values()].filter(({ hide }) => hide !== 2 && hide !== 'hideVariable');
  }

  text({ all, values }) {
    return all ? 'All' : FORMATS.text(values);
  }

  /** PromQL in which the variables have their values, escaped as the Prometheus data source does. */
  inQuery(query) {
    return this._replace(query, (variable, format) => {
      if (variable.all && variable.allValue) {
        return variable.allValue;
      }
      if (format && FORMATS[format]) {
        return FORMATS[format](variable.values);
      }
      return variable.multi || variable.includeAll ? FORMATS.regex(variable.values) : FORMATS.raw(variable.values);
    });
  }

  /** A title, a link or a name in which the variables have their texts; *scoped* are those of one field. */
  inText(text, scoped = {}) {
    return this._replace(text, (variable) => this.text(variable), scoped);
  }

  _replace(text, write, scoped = {}) {
    return text.replace(PLACE, (place, plain, bracketed, bracketFormat, braced, path, format) => {
      const name = plain ?? bracketed ?? braced;
      if (scoped[name]) {
        const steps = path ? path.replaceAll(/\[["']?([^\]"']+)["']?\]/g, '.$1').split('.') : [];
        return steps.reduce((value, step) => value?.[step], scoped[name].value) ?? '';
      }
      const variable = this.byName.get(name);
      return variable ? write(variable, format ?? bracketFormat) : place;
    });
  }
}
