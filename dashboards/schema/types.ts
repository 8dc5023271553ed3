// The types whose JSON Schemas are written: a dashboard, and what each panel plugin keeps in `options` and in
// `fieldConfig.defaults.custom`. Each must be an alias: a re-exported name is no root type for the generator.
// @grafana/schema has no types for the alert list; it lives in Grafana's server alone.
import { Dashboard } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import * as barchart from './node_modules/@grafana/schema/dist/types/raw/composable/barchart/panelcfg/x/types.gen';
import * as bargauge from './node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import * as gauge from './node_modules/@grafana/schema/dist/types/raw/composable/gauge/panelcfg/x/types.gen';
import * as heatmap from './node_modules/@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/types.gen';
import * as histogram from './node_modules/@grafana/schema/dist/types/raw/composable/histogram/panelcfg/x/types.gen';
import * as piechart from './node_modules/@grafana/schema/dist/types/raw/composable/piechart/panelcfg/x/types.gen';
import * as stat from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import * as statetimeline from './node_modules/@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import * as statushistory from './node_modules/@grafana/schema/dist/types/raw/composable/statushistory/panelcfg/x/types.gen';
import * as table from './node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import * as text from './node_modules/@grafana/schema/dist/types/raw/composable/text/panelcfg/x/types.gen';
import * as timeseries from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

export type GrafanaDashboard = Dashboard;
export type BarChartOptions = barchart.Options;
export type BarChartFieldConfig = barchart.FieldConfig;
export type BarGaugeOptions = bargauge.Options;
export type GaugeOptions = gauge.Options;
export type HeatmapOptions = heatmap.Options;
export type HeatmapFieldConfig = heatmap.FieldConfig;
export type HistogramOptions = histogram.Options;
export type HistogramFieldConfig = histogram.FieldConfig;
export type PieChartOptions = piechart.Options;
export type PieChartFieldConfig = piechart.FieldConfig;
export type StatOptions = stat.Options;
export type StateTimelineOptions = statetimeline.Options;
export type StateTimelineFieldConfig = statetimeline.FieldConfig;
export type StatusHistoryOptions = statushistory.Options;
export type StatusHistoryFieldConfig = statushistory.FieldConfig;
export type TableOptions = table.Options;
export type TableFieldConfig = table.FieldConfig;
export type TextOptions = text.Options;
export type TimeSeriesOptions = timeseries.Options;
export type TimeSeriesFieldConfig = timeseries.FieldConfig;
