// What the live scene uses of three.js; `npm run build` here writes ../static/three/three.clap.min.js.
export {
  BoxGeometry, BufferAttribute, BufferGeometry, DirectionalLight, EdgesGeometry, GridHelper, Group, HemisphereLight,
  Line, LineBasicMaterial, LineDashedMaterial, LineSegments, Mesh, MeshBasicMaterial, MeshStandardMaterial,
  Matrix4, Object3D, OctahedronGeometry, PerspectiveCamera, Points, PointsMaterial, Scene, SphereGeometry, Vector3, WebGLRenderer, AxesHelper,
} from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
export { TransformControls } from "three/examples/jsm/controls/TransformControls.js";
