import { renderTextPanelMarkdown, textUtil } from '@grafana/data';

export function TextPanel({ panel, environment }) {
  const { content = '', mode = 'markdown' } = panel.options ?? {};
  const text = environment.variables.inText(content);
  if (mode === 'code') {
    return <pre>{text}</pre>;
  }
  const html = mode === 'html' ? textUtil.sanitize(text) : renderTextPanelMarkdown(text);
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: html }} />;
}
