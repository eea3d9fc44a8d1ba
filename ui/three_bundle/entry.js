// What the live scene uses of three.js; `npm run build` here writes ../static/three/three.clap.min.js.
export {
  BoxGeometry, BufferAttribute, BufferGeometry, DirectionalLight, EdgesGeometry, GridHelper, Group, HemisphereLight,
  Line, LineBasicMaterial, LineDashedMaterial, LineSegments, Mesh, MeshBasicMaterial, MeshStandardMaterial,
  PerspectiveCamera, Points, PointsMaterial, Scene, SphereGeometry, Vector3, WebGLRenderer, AxesHelper,
} from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
