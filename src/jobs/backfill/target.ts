export { copyTarget as targetFor } from '../../chain/placement.ts'
