// The panel types that the preview shows. `own` marks those that it draws itself.
import { AlertListPanel, loadAlerts } from './alertlist.jsx';
import { TablePanel } from './table.jsx';
import { TextPanel } from './text.jsx';
import { StateTimelinePanel, StatusHistoryPanel } from './timeline.jsx';
import { TimeSeriesPanel } from './timeseries.jsx';
import { BarGaugePanel, StatPanel } from './values.jsx';

export const PANELS = {
  alertlist: { component: AlertListPanel, load: loadAlerts, own: true },
  bargauge: { component: BarGaugePanel },
  stat: { component: StatPanel, showsEmptiness: true },
  'state-timeline': { component: StateTimelinePanel, own: true },
  'status-history': { component: StatusHistoryPanel, own: true },
  table: { component: TablePanel },
  text: { component: TextPanel, static: true },
  timeseries: { component: TimeSeriesPanel },
};
