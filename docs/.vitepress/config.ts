import { defineConfig } from 'vitepress'
import { copyLinkedFiles, rewriteLinks } from '../../scripts/docs/links-outside.ts'
import { sidebar, topics } from '../../scripts/docs/sidebar.ts'
import { slug } from '../../scripts/docs/slug.ts'

export default defineConfig({
  title: 'fallback-storage',
  description: 'Serves media from several storage backends as if they were one, and moves them to the first.',
  lang: 'en',
  markdown: {
    anchor: { slugify: slug },
    config: (markdown) => {
      markdown.core.ruler.push('links-outside-docs', rewriteLinks)
    },
  },
  themeConfig: {
    nav: topics(),
    sidebar: sidebar(),
    outline: [2, 3],
    search: { provider: 'local' },
  },
  buildEnd: ({ outDir }) => copyLinkedFiles(outDir),
})
