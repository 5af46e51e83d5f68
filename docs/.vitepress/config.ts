import { defineConfig } from 'vitepress'
import { copyLinkedFiles, focusableDrawings, rewriteLinks } from '../../scripts/docs/links-outside.ts'
import { sidebar, topics } from '../../scripts/docs/sidebar.ts'
import { slug } from '../../scripts/docs/slug.ts'

export default defineConfig({
  title: 'fallback-storage',
  description: 'Serves media from several storage backends as if they were one, and moves them to the first.',
  lang: 'en',
  head: [['link', { rel: 'icon', href: '/icon.svg', type: 'image/svg+xml' }]],
  markdown: {
    anchor: { slugify: slug },
    config: (markdown) => {
      markdown.core.ruler.push('links-outside-docs', rewriteLinks)
      markdown.core.ruler.push('focusable-drawings', focusableDrawings)
    },
  },
  themeConfig: {
    nav: topics(),
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: 'local' },
  },
  // Drawings inlined in a page would be loaded again with each page.
  vite: { build: { assetsInlineLimit: 0 } },
  buildEnd: ({ outDir }) => copyLinkedFiles(outDir),
})
