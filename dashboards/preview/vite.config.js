import { cpSync } from 'node:fs';
import { defineConfig } from 'vite';

// Grafana's icons are files that @grafana/ui fetches from this path.
const icons = {
  name: 'grafana-icons',
  closeBundle: () =>
    cpSync('node_modules/@grafana/ui/dist/public/img/icons', 'dist/public/build/img/icons', { recursive: true }),
};

export default defineConfig({
  plugins: [icons],
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}' },
  build: { chunkSizeWarningLimit: 100_000 },
});
