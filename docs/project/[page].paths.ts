import { projectPages } from '../../scripts/docs/outside.ts'

/** Files outside docs/, such as SECURITY.md, as pages of the site. */
export default { watch: ['../../*.md', '../../examples/**/*.md'], paths: projectPages }
