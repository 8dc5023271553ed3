// The page: the dashboard's head, its panels on their grid, and a foot that says what is not Grafana's own drawing.
import { DashboardCursorSync, dateTimeFormat, EventBusSrv, ThemeContext } from '@grafana/data';
import { ErrorBoundary, GlobalStyles, Icon, PanelChrome, PanelContextProvider } from '@grafana/ui';
import { box, heightOf } from './layout.js';
import { PANELS } from './panels/index.js';

const MARGIN = 16;
const MARK = '†';

function Head({ dashboard, environment }) {
  const { range, theme, timeZone, variables } = environment;
  const time = (at) => dateTimeFormat(at * 1000, { timeZone, format: 'YYYY-MM-DD HH:mm:ss' });
  const period = `${time(range.from)} to ${time(range.to)} (${timeZone})`;
  const pill = {
    border: `1px solid ${theme.components.input.borderColor}`,
    borderRadius: theme.shape.radius.default,
    background: theme.components.input.background,
    padding: '4px 8px',
  };
  const label = { ...pill, background: theme.colors.background.secondary, fontWeight: 500, borderRight: 0 };
  return (
    <header style={{ padding: `${MARGIN}px ${MARGIN}px 8px` }}>
      <div style={{ display: 'flex', justifyContent: 'space-between', alignItems: 'baseline' }}>
        <h1 style={{ ...theme.typography.h3, margin: 0 }}>{dashboard.title}</h1>
        <span style={{ color: theme.colors.text.secondary }}>{period}</span>
      </div>
      <div style={{ display: 'flex', flexWrap: 'wrap', gap: 16, marginTop: 8 }}>
        {variables.shown().map((variable) => (
          <span key={variable.name} style={{ display: 'inline-flex', fontSize: theme.typography.bodySmall.fontSize }}>
            {variable.hide !== 1 && <span style={label}>{variable.label || variable.name}</span>}
            <span style={pill}>{variables.text(variable)}</span>
          </span>
        ))}
      </div>
    </header>
  );
}

function RowHead({ title, collapsed, theme }) {
  return (
    <div style={{ ...theme.typography.h6, padding: '4px 0', display: 'flex', gap: 8, alignItems: 'center' }}>
      <Icon name={collapsed ? 'angle-right' : 'angle-down'} />
      {title}
    </div>
  );
}

const CENTRED = {
  height: '100%',
  display: 'flex',
  alignItems: 'center',
  justifyContent: 'center',
  textAlign: 'center',
};

const Message = ({ children, color, ...rest }) => (
  <div style={{ ...CENTRED, color }} {...rest}>
    {children}
  </div>
);

function Content({ loaded, width, height }) {
  const { panel, environment, empty, error } = loaded;
  const kind = PANELS[panel.type];
  if (error) {
    return (
      <Message data-error={error} color={environment.theme.colors.error.text}>
        {error}
      </Message>
    );
  }
  if (!kind) {
    return <Message data-undrawn="">{`${panel.type}: not drawn by the preview`}</Message>;
  }
  if (empty && !kind.showsEmptiness) {
    return <Message>{panel.fieldConfig?.defaults?.noValue || 'No data'}</Message>;
  }
  return (
    <ErrorBoundary>
      {({ error: thrown }) =>
        thrown ? (
          <Message data-error={String(thrown)} color={environment.theme.colors.error.text}>
            {String(thrown)}
          </Message>
        ) : (
          <kind.component {...loaded} width={width} height={height} />
        )
      }
    </ErrorBoundary>
  );
}

function TitleItems({ panel }) {
  const own = PANELS[panel.type]?.own ? MARK : '';
  const length = panel.timeFrom && !panel.hideTimeOverride ? `Last ${panel.timeFrom}` : '';
  return <span style={{ marginLeft: 6 }}>{[own, length].filter(Boolean).join(' ')}</span>;
}

function Panel({ loaded, pageWidth }) {
  const { panel, environment } = loaded;
  const { width, height, ...position } = box(panel.gridPos, pageWidth);
  const place = { position: 'absolute', width, height, ...position };
  if (panel.type === 'row') {
    return (
      <div style={place}>
        <RowHead title={panel.title} collapsed={panel.collapsed} theme={environment.theme} />
      </div>
    );
  }
  return (
    <div style={place} data-panel={panel.id}>
      <PanelChrome
        title={panel.title}
        description={panel.description}
        displayMode={panel.transparent ? 'transparent' : 'default'}
        hoverHeader={!panel.title}
        titleItems={<TitleItems panel={panel} />}
        width={width}
        height={height}
      >
        {(innerWidth, innerHeight) => <Content loaded={loaded} width={innerWidth} height={innerHeight} />}
      </PanelChrome>
    </div>
  );
}

function Foot({ panels, theme }) {
  const own = new Set(panels.map(({ panel }) => panel.type).filter((type) => PANELS[type]?.own));
  const text = `${MARK} ${[...own].sort().join(', ')}: drawn by the preview; Grafana draws the same data with its own component.`;
  return (
    own.size > 0 && (
      <footer style={{ padding: `0 ${MARGIN}px 12px`, color: theme.colors.text.secondary }}>{text}</footer>
    )
  );
}

export function Page({ dashboard, panels, environment, width }) {
  const { theme } = environment;
  const context = { eventsScope: '__global_', eventBus: new EventBusSrv(), sync: () => DashboardCursorSync.Off };
  const pageWidth = width - 2 * MARGIN;
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PanelContextProvider value={context}>
        <main id="page" style={{ width, background: theme.colors.background.canvas, color: theme.colors.text.primary }}>
          <Head dashboard={dashboard} environment={environment} />
          <div
            style={{
              position: 'relative',
              marginLeft: MARGIN,
              height: heightOf(panels.map(({ panel }) => panel)),
            }}
          >
            {panels.map((loaded) => (
              <Panel key={loaded.panel.id} loaded={loaded} pageWidth={pageWidth} />
            ))}
          </div>
          <Foot panels={panels} theme={theme} />
        </main>
      </PanelContextProvider>
    </ThemeContext.Provider>
  );
}
