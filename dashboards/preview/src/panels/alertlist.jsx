// Alert list. Grafana keeps its component in its server: here, Prometheus' own alerts are listed.
import { dateTimeFormat } from '@grafana/data';
import { Badge } from '@grafana/ui';

const COLORS = { firing: 'red', pending: 'orange' };

/** A list like {domain="carbon", site=~"a|b"} as a test of labels. */
function matcher(text) {
  const parts = [...text.matchAll(/([\w:]+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g)];
  return (labels) =>
    parts.every(([, label, operator, wanted]) => {
      const value = labels[label] ?? '';
      const same = operator.endsWith('~') ? new RegExp(`^(?:${wanted})$`).test(value) : value === wanted;
      return operator.startsWith('!') ? !same : same;
    });
}

export async function loadAlerts(panel, { prometheus, variables }) {
  const { alertInstanceLabelFilter = '', alertName = '', maxItems = 20, stateFilter = {} } = panel.options ?? {};
  const matches = matcher(variables.inQuery(alertInstanceLabelFilter));
  const alerts = await prometheus.alerts();
  return alerts
    .filter(
      ({ labels, state }) => stateFilter[state] !== false && matches(labels) && labels.alertname.includes(alertName),
    )
    .slice(0, maxItems);
}

export function AlertListPanel({ alerts, environment }) {
  const { theme, timeZone } = environment;
  const line = {
    display: 'flex',
    alignItems: 'flex-start',
    gap: 12,
    padding: '6px 4px',
    borderBottom: `1px solid ${theme.colors.border.weak}`,
  };
  return (
    <div style={{ overflow: 'hidden', height: '100%' }}>
      {alerts.map(({ activeAt, labels: { alertname, ...labels }, state }, index) => (
        <div key={index} style={line}>
          <Badge color={COLORS[state] ?? 'blue'} text={state} />
          <div>
            <div>{alertname}</div>
            <div
              style={{
                color: theme.colors.text.secondary,
                fontSize: theme.typography.bodySmall.fontSize,
              }}
            >
              {`since ${dateTimeFormat(activeAt, { timeZone })} · `}
              {Object.entries(labels)
                .map(([label, value]) => `${label}=${value}`)
                .join(' ')}
            </div>
          </div>
        </div>
      ))}
    </div>
  );
}
