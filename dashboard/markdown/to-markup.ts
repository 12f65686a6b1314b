import DOMPurify from 'dompurify';
import { Marked } from 'marked';

const marked = new Marked({
  gfm: true,
  async: false,
  renderer: {
    // Raw HTML is shown as what it is, text: a model writes `vector<int>` and means that.
    html: ({ text, block }) => (block ? `<pre>${asText(text)}</pre>` : asText(text)),
    // Neither a control that does nothing, nor a picture from elsewhere; but what they say.
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
    image: ({ href, text }) => `<a href="${asText(href)}">${asText(text || href)}</a>`,
    // Whatever level a model begins at, it is below the heading of the page.
    heading({ tokens }) {
      return `<h2>${this.parser.parseInline(tokens)}</h2>`;
    },
  },
});

/**
 * The Markdown of a model as safe markup. A model may be made to say anything, so nothing in its answer may
 * run, load from elsewhere or look like a part of this page: no scripts, styles, forms, frames or images.
 */
export function toMarkup(text: string): string {
  const markup = marked.parse(text, { async: false });
  return DOMPurify.sanitize(markup, {
    ALLOWED_TAGS: [...allowedTags],
    ALLOWED_ATTR: ['href', 'title', 'start', 'align'],
    ALLOWED_URI_REGEXP: /^https?:\/\//i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
  });
}

const allowedTags = [
  ...['p', 'br', 'hr', 'h2', 'blockquote', 'pre', 'code'],
  ...['em', 'strong', 'del', 'ul', 'ol', 'li', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'a'],
] as const;

/** A link shows where it leads, and tells nobody where it was. */
DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A') return;
  const href = node.getAttribute('href');
  if (href === null) return;
  node.setAttribute('target', '_blank');
  node.setAttribute('rel', 'noopener noreferrer nofollow');
  node.setAttribute('title', href);
});

function asText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
